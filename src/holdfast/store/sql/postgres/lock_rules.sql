-- All slots of some rules, those of their keys too, in the order in which all lock them. In a statement before the one
-- that changes them: that sees what those have written who had them in hand.
SELECT name FROM holdfast.slots WHERE split_part(name, '|', 1) = ANY(:rules::text[]) ORDER BY name COLLATE "C", epoch FOR UPDATE
