"""The doctor: what is wrong with a database and its queue, what it does to the jobs, and what helps.

Facts are gathered by a few small reads, each limited in time and size, so that looking hurts nobody; where only a part
was looked at, the finding says so. The checks are functions from facts to findings.
"""
