"""SecLang files are understood as ModSecurity understands them; what cannot be run is refused with its place."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.core.rules import Rules
from stockade.prevent.seclang import SecLangError, compile_files, compile_text

DEBIAN = Path("/usr/share/modsecurity-crs/rules")


def rules(text: str, folder: Path = Path("/")) -> list[dict[str, Any]]:
    return [rule for phase in compile_text(text, folder).plan["phases"] for rule in phase]


def fired(text: str, message: bytes) -> list[int]:
    judged = Rules(compile_text(text, Path("/")).plan).judge(message, now_us=1_790_000_000_000_000)
    return [match.rule for match in judged.matches]


def problems(text: str) -> list[str]:
    with pytest.raises(SecLangError) as caught:
        compile_text(text, Path("/"))
    return [str(problem) for problem in caught.value.problems]


def test_lines_are_continued_and_quotes_resolved() -> None:
    [rule] = rules('SecRule ARGS|!ARGS:a \\\n  "@rx \\"b\\"" \\\n  "id:7,phase:1,msg:\'a, b\',t:none,t:lowercase"\n')
    assert rule["msg"] == ["a, b"]
    assert rule["line"] == 1
    [link] = rule["links"]
    assert link["targets"] == [{"collection": "ARGS"}, {"collection": "ARGS", "key": "a", "exclude": True}]
    assert link["operator"]["argument"] == ['"b"']
    assert link["transformations"] == ["lowercase"]


def test_defaults_are_taken_and_none_forgets_transformations() -> None:
    text = """
    SecDefaultAction "phase:2,log,deny,status:406,t:lowercase"
    SecRule ARGS "a" "id:1,block"
    SecRule ARGS "a" "id:2,pass,t:none,nolog"
    """
    first, second = rules(text)
    assert first["disruptive"] == {"kind": "deny", "status": 406}
    assert first["links"][0]["transformations"] == ["lowercase"]
    assert "transformations" not in second["links"][0]
    assert (first["log"], second["log"]) == (True, False)


def test_markers_are_found_within_the_phase() -> None:
    text = """
    SecRule ARGS "a" "id:1,phase:2,skipAfter:END"
    SecRule ARGS "a" "id:2,phase:1"
    SecRule ARGS "a" "id:3,phase:2"
    SecMarker END
    SecRule ARGS "a" "id:4,phase:2"
    """
    by_id = {rule["id"]: rule for rule in rules(text)}
    assert by_id[1]["skip_to"] == 2


def test_chains_and_effects_are_kept_in_order() -> None:
    text = """
    SecRule ARGS "a" "id:1,deny,chain,setvar:tx.n=+%{tx.step}"
        SecRule TX:n "@ge 5" "setvar:'!tx.n'"
    """
    [rule] = rules(text)
    assert [link["effects"][0]["kind"] for link in rule["links"]] == ["set", "unset"]
    assert rule["links"][0]["effects"][0]["value"] == [{"collection": "TX", "key": "step"}]


def test_rules_are_updated_and_removed() -> None:
    text = """
    SecRule ARGS|REQUEST_HEADERS "a" "id:1,tag:'one'"
    SecRule ARGS "a" "id:2,msg:'two'"
    SecRule ARGS "a" "id:3"
    SecRuleUpdateTargetByTag one "!ARGS:token"
    SecRuleRemoveByMsg two
    SecRuleUpdateActionById 3 "deny,status:418"
    SecRuleRemoveById 999
    """
    compilation = compile_text(text, Path("/"))
    first, third = compilation.plan["phases"][1]
    assert {"collection": "ARGS", "key": "token", "exclude": True} in first["links"][0]["targets"]
    assert third["disruptive"] == {"kind": "deny", "status": 418}
    [warning] = compilation.warnings
    assert "changes nothing" in str(warning), "an exclusion that fits no rule is told"


def test_files_are_included_and_data_is_taken_in(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "main.conf").write_text("Include rules/*.conf\nIncludeOptional none/*.conf\n")
    (tmp_path / "rules" / "a.conf").write_text('SecRule ARGS "@pmFromFile words.data" "id:1"\n')
    (tmp_path / "rules" / "words.data").write_text("# words\nfoo\n\nbar baz\n")
    compilation = compile_files(["main.conf"], tmp_path)
    [rule] = compilation.plan["phases"][1]
    assert rule["links"][0]["operator"] == {"name": "pm", "items": ["foo", "bar baz"]}
    assert {file.name for file in compilation.files} == {"main.conf", "a.conf", "words.data"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('SecRule ARGZ "a" "id:1"', "did you mean `ARGS`?"),
        ('SecRule ARGS "@rxx a" "id:1"', "expected an operator"),
        ('SecRule ARGS "@inspectFile /bin/true" "id:1"', "runs a program"),
        ('SecRule ARGS "!@rbl x.example" "id:1"', "no name server is asked"),
        ('SecRule ARGS "a" "id:1,t:lowrcase"', "did you mean `lowercase`?"),
        ('SecRule ARGS "a" "id:1,exec:/bin/true"', "runs a program"),
        ('SecRule ARGS "a" "phase:1"', "expected a rule to have a number as `id`"),
        ('SecRule ARGS "a" "id:1"\nSecRule ARGS "a" "id:1"', "expected an id of its own"),
        ('SecRule ARGS "a" "id:1,chain"', "expected a rule after `chain`"),
        ('SecRule ARGS "a" "id:1,skipAfter:NOWHERE"', "expected a `SecMarker`"),
        ('SecRule XML:/a/b "a" "id:1"', "expected an XPath"),
        ('SecRule ARGS "@verifyCC %{tx.a}" "id:1"', "known when rules are loaded"),
        ('SecRule ARGS "a', "expected a closing"),
        ("SecRuleEngin On", "did you mean `SecRuleEngine`?"),
        ("SecRemoteRules k https://x.example", "loads rules from elsewhere"),
        ("Include nothing-here.conf", "expected a directive"),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_place(text: str, told: str) -> None:
    [problem] = problems(text)
    assert told in problem
    assert problem.startswith("rules:")


def test_the_rest_of_a_broken_chain_is_no_further_problem() -> None:
    [problem] = problems('SecRule ARGZ "a" "id:1,chain"\nSecRule ARGS "b"\nSecRule ARGS "c" "id:2"\n')
    assert "ARGZ" in problem


def test_every_problem_is_told_at_once() -> None:
    assert len(problems('SecRule ARGZ "a" "id:1"\nSecRule ARGS "a" "id:2,foo"\nSecBogus\n')) == 3


def test_directives_about_logs_do_nothing_and_say_so() -> None:
    text = "SecAuditEngine RelevantOnly\nSecReadStateLimit 50\nSecRuleEngine Off\nSecResponseBodyMimeTypesClear\n"
    compilation = compile_text(text, Path("/"))
    assert (compilation.plan["engine"], compilation.plan["response_media_types"]) == ("off", [])
    assert len(compilation.warnings) == 2


def test_a_status_that_is_none_becomes_403_and_is_told() -> None:
    compilation = compile_text('SecRule ARGS "a" "id:\'200002\',phase:2,log,deny,status:44,msg:\'no end"', Path("/"))
    assert compilation.plan["phases"][1][0]["disruptive"] == {"kind": "deny", "status": 403}
    [warning] = compilation.warnings
    assert "got `44`" in str(warning)


def test_what_never_matches_is_loaded_and_told() -> None:
    text = 'SecRule REMOTE_ADDR "@rbl x.example" "id:1"\nSecRule GEO:COUNTRY_CODE "@streq IE" "id:2"\n'
    compilation = compile_text(text, Path("/"))
    assert compilation.plan["phases"][1][0]["links"][0]["operator"] == {"name": "noMatch"}
    [warning] = compilation.warnings
    assert str(warning).startswith("warning: rules:1: ")
    assert "`@rbl` never matches here" in str(warning)
    assert fired(text, b"GET / HTTP/1.1\r\n\r\n") == []


def test_a_pattern_is_filled_in_when_it_is_asked() -> None:
    text = """
    SecRuleEngine DetectionOnly
    SecAction "id:1,phase:1,nolog,pass,setvar:tx.sets=utf-8|latin1"
    SecRule ARGS:c "!@rx ^(?:%{tx.sets})$" "id:2,phase:2,log,pass"
    SecRule ARGS:n "@rx ^a%{2}$" "id:3,phase:2,log,pass"
    """
    assert fired(text, b"GET /?c=latin1&n=a%25%25 HTTP/1.1\r\n\r\n") == [3]
    assert fired(text, b"GET /?c=ebcdic HTTP/1.1\r\n\r\n") == [2]


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's package modsecurity-crs is not installed")
def test_the_core_rule_set_of_debian_is_loaded_whole() -> None:
    folder = Path("/etc/modsecurity/crs")
    compilation = compile_files([str(folder / "crs-setup.conf"), str(DEBIAN / "*.conf")], folder)
    assert sum(len(phase) for phase in compilation.plan["phases"]) > 400
    Rules(compilation.plan)


@given(st.text(alphabet="SecRule ARGS|!&:/'\"\\@rxid:1,chain\n#", max_size=120))
def test_any_text_is_rules_or_an_error(text: str) -> None:
    with contextlib.suppress(SecLangError):
        compile_text(text, Path("/nowhere"))


def test_an_anomaly_score_adds_up() -> None:
    text = """
    SecRuleEngine DetectionOnly
    SecAction "id:1,phase:1,nolog,pass,setvar:tx.critical=5"
    SecRule ARGS "@contains a" "id:2,phase:2,pass,log,setvar:'tx.score=+%{tx.critical}'"
    SecRule TX:score "@ge 10" "id:3,phase:2,deny,log"
    """
    assert fired(text, b"GET /?x=a HTTP/1.1\r\n\r\n") == [2]
    assert fired(text, b"GET /?x=a&y=ba HTTP/1.1\r\n\r\n") == [2, 3]
