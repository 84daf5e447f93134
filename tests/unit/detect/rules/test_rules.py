"""Detection rules: what is taken, what is refused and where, and that examples are run."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.records import EVENT

from stockade.detect.rules.reader import read
from stockade.detect.rules.rule import Rules

GOOD = """
lists:
  offices: [10.0.0.0/8]
rules:
  - id: coupon-guessing
    title: many coupons were tried
    class: flow_abuse
    when: {operation: redeemCoupon, status: ">= 400"}
    count: {at_least: 5, within: 10m}
    except: {address: {in: offices}}
    examples:
      fires: [{operation: redeemCoupon, status: 422, times: 5}]
      silent:
        - {operation: redeemCoupon, status: 422, times: 4}
        - {operation: redeemCoupon, status: 422, times: 9, address: 10.1.1.1}
  - id: role-then-export
    title: an export right after a change of role
    class: data_egress
    weight: 5
    sequence: [{operation: changeRole}, {operation: export}]
    count: {within: 5m}
    examples:
      fires: [{then: [{operation: changeRole}, {operation: export}]}]
      silent: [{operation: export, times: 3}, {then: [{operation: changeRole}, {operation: export, at_s: 900}]}]
  - id: many-coupons
    title: many different paths
    class: reconnaissance
    when: [{path: {starts: /a}}, {path: {matches: "^/b[0-9]+$"}}]
    by: address
    count: {at_least: 3, within: 1h, distinct: path}
    examples:
      fires: [{address: 192.0.2.1, path: "/b#", times: 3}]
      silent: [{address: 192.0.2.1, path: /b1, times: 9}, {address: 192.0.2.1, path: /c, not: x, times: 9}]
"""

SIGMA = """
title: Path traversal
id: 7745c2ea-24a5-4290-b680-04359cb84b35
status: test
logsource: {category: webserver}
detection:
    selection:
        cs-method: GET
        cs-uri-query|contains: '../../'
    keywords: ['sqlmap']
    filter:
        sc-status: 404
    condition: (selection or keywords) and not filter
level: high
"""


def written(folder: Path, text: str) -> tuple[list[str], list[str]]:
    file = folder / "rules.yaml"
    file.write_text(text)
    rules, problems = read([file])
    return [rule.id for rule in rules], [problem.removeprefix(str(folder)) for problem in problems]


def test_good_rules_are_taken_and_their_examples_run(tmp_path: Path) -> None:
    assert written(tmp_path, GOOD) == (["coupon-guessing", "role-then-export", "many-coupons"], [])


def test_an_example_that_does_not_come_out_is_named(tmp_path: Path) -> None:
    names, problems = written(tmp_path, GOOD.replace("times: 4}", "times: 6}"))
    assert len(names) == 3
    assert problems == ["/rules.yaml:5: rule `coupon-guessing`: example 1 of `silent` fired"]


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("class: flow_abuse", "class: mischief", "expected `class` to be one of credential_stuffing"),
        ("within: 10m", "within: long", "expected a duration such as `10m` for `within`, got `long`"),
        ("{operation: redeemCoupon, status", "{opration: redeemCoupon, status", "field `opration` is not known"),
        ("in: offices", "in: ofices", "`in` names list `ofices`; expected one of offices"),
        ('status: ">= 400"', 'status: "about 400"', "expected a number or a comparison"),
        ("count: {at_least: 5, within: 10m}", "count: {at_least: 5}", "expected `count.within`"),
    ],
)
def test_a_wrong_rule_is_told_with_its_line_and_the_others_stay(
    tmp_path: Path, before: str, after: str, problem: str
) -> None:
    names, problems = written(tmp_path, GOOD.replace(before, after, 1))
    assert names == ["role-then-export", "many-coupons"]
    assert len(problems) == 1
    assert problems[0].startswith("/rules.yaml:5: rule `coupon-guessing`: ")
    assert problem in problems[0]


def test_sigma_rules_are_read_unmodified_and_judge_events(tmp_path: Path) -> None:
    file = tmp_path / "sigma.yml"
    file.write_text(SIGMA)
    rules, problems = read([file])
    assert problems == []
    (rule,) = rules
    fields = {"method": "GET", "query": "f=../../etc", "uri": "/x?f=../../etc", "status": 200}
    assert rule.take({**fields, "actor": "a"}, 1) == 1
    assert rule.take({**fields, "status": 404, "actor": "a"}, 1) == 0
    assert rule.take({"method": "POST", "uri": "/", "user_agent": "SQLMap/1.7", "actor": "a"}, 1) == 1
    assert rule.take({"method": "GET", "uri": "/", "user_agent": "curl", "actor": "a"}, 1) == 0


def test_sigma_rules_about_other_things_are_told(tmp_path: Path) -> None:
    names, problems = written(tmp_path, SIGMA.replace("category: webserver", "product: windows"))
    assert names == []
    assert problems == ["/rules.yaml:1: `Path traversal` is about logs of `windows`; expected webserver or proxy"]
    names, problems = written(tmp_path, SIGMA.replace("sc-status", "sc-mood"))
    assert names == []
    assert "field `sc-mood` is not in events" in problems[0]


def test_rules_give_signals_about_the_actor_they_count(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(GOOD.replace("when: {operation: redeemCoupon", "by: address\n    when: {operation: listOrders"))
    rules = Rules(tuple(rule for rule in read([file])[0] if rule.id == "coupon-guessing"))
    found = [signal for place in range(5) for signal in rules.take(EVENT, "subject:alice", 10**15 + place)]
    assert [signal.actor for signal in found] == ["address:192.0.2.7"]
    assert found[0].detector == "rule.coupon-guessing"


@given(st.text(max_size=300))
def test_no_text_makes_the_reader_fail(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.mktemp("rules") / "rules.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    rules, problems = read([file])
    assert rules == []
    assert problems or yaml.safe_load(text) is None
