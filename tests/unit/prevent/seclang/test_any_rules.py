"""Any text is rules or an error that says where: rules changed at random, for a moment or for as long as is asked."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

from stockade.prevent.seclang import SecLangError, compile_text

ROUNDS = 400
SEEDS = [
    'SecRule ARGS|!ARGS:/^a.*$/|&REQUEST_HEADERS:Host "!@rx (?i)^\\x{41}%{tx.a}$" \\\n'
    '  "id:1,phase:2,t:none,t:lowercase,chain"\n'
    '    SecRule XML:/*|XML://@* "@pm a b |0d 0a|" "setvar:\'tx.n=+%{MATCHED_VAR}\',capture"\n',
    'SecAction "id:2,phase:1,nolog,pass,initcol:ip=%{REMOTE_ADDR},expirevar:ip.n=60,skipAfter:END"\nSecMarker END\n',
    'SecRuleUpdateTargetById 1 "!ARGS:b"\nSecRuleRemoveByTag "a.*"\nSecRuleUpdateActionById 2 "deny,status:418"\n',
    'SecDefaultAction "phase:2,log,deny,status:406,t:urlDecodeUni"\nSecRequestBodyLimit 1000\nSecArgumentSeparator ;\n',
    "SecRule REMOTE_ADDR \"@ipMatch 10.0.0.0/8,::1\" \"id:3,ctl:ruleRemoveTargetById=1-9;ARGS:c,msg:'a \\'b\\''\"\n",
    'SecRule ARGS "@validateByteRange 9,10,32-126" "id:4,severity:CRITICAL,redirect:https://x/%{TX.1}"\n'
    "Include none.conf\n",
]
WORDS = [
    '"',
    "'",
    "\\",
    "\n",
    "|",
    "&",
    "!",
    "@rx ",
    "%{",
    "}",
    ",",
    ":",
    "id:",
    "chain",
    "t:",
    "ctl:",
    "\0",
    "\udc80",
    "9" * 30,
    "(" * 50,
    "é",
]


def changed(chance: random.Random) -> str:
    """Some rules with a few changes."""
    text = "".join(chance.choice(SEEDS) for _ in range(chance.randint(1, 4)))
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(text))
        end = min(len(text), at + chance.choice((0, 0, 1, 5, 40)))
        text = text[:at] + chance.choice([*WORDS, text[at:end] * 2, ""]) + text[end:]
    return text


def test_any_text_is_rules_or_problems_with_a_place(tmp_path: Path) -> None:
    seconds = float(os.environ.get("STOCKADE_FUZZ_SECONDS", "0"))
    chance = random.Random(None if seconds else 7)
    end = time.monotonic() + seconds
    count = good = 0
    while count < ROUNDS or time.monotonic() < end:
        count += 1
        text = changed(chance)
        try:
            good += bool(compile_text(text, tmp_path).plan)
        except SecLangError as error:
            told = [bool(problem.file and problem.line) for problem in error.problems]
            if not told or not all(told):
                raise AssertionError(f"no place for {text!r}: {error}") from error
        except Exception as error:
            raise AssertionError(f"{error!r} for {text!r}") from error
    assert good > 0
