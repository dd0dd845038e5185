"""The guide to testing: its files are written as it names them, and its tests run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text("utf-8")


def test_the_tests_of_the_guide_pass(pytester: pytest.Pytester) -> None:
    files: dict[str, str] = {}
    for name, code in re.findall(r"^```python\n# (\S+\.py)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL):
        files[name] = f"{files.get(name, '')}\n\n{code}"
    assert len(files) == 4
    for name, code in files.items():
        (pytester.path / name).write_text(code, "utf-8")
    settings = re.findall(r"^```ini\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    pytester.makeini(settings[0])
    result = pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=6)


def test_the_message_shown_is_what_it_says(pytester: pytest.Pytester) -> None:
    (shop,) = re.findall(r"^```python\n# shop\.py\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    (message,) = re.findall(r"^```text\n(expected .*?)\n```", GUIDE, re.MULTILINE | re.DOTALL)
    pytester.makepyfile(
        shop=shop,
        test_it="import pytest, shop\n"
        "def test_it():\n"
        "    with shop.app.testing() as t:\n"
        "        t.run(shop.sign_up.enqueue('ada@x.y'))\n"
        "        with pytest.raises(AssertionError) as caught:\n"
        "            t.assert_enqueued(shop.send_mail, to='ada@x.z')\n"
        f"        assert str(caught.value) == {message!r}\n",
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
