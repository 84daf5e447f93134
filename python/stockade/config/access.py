"""The `access` of an API: who may do what."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from stockade.config.protect import FieldPath
from stockade.config.seclang import FilePattern
from stockade.config.section import Section
from stockade.config.selector import Selector
from stockade.config.values import Name, PathGlob, Size, Within
from stockade.config.values.refuse import refuse

_Texts = Annotated[tuple[str, ...], Field(max_length=1000, strict=False)]

_GRANT = re.compile(r"(claim:[^\x00-\x20\x7f=]{1,200}|role|scope|subject|client|key|method)=([^\x00-\x1f\x7f]{1,200})")
_CALLER = re.compile(r"subject|client|key|claim:[^\x00-\x20\x7f=]{1,200}")
_FIELD = re.compile(r"response\.([^\x00-\x20\x7f.\[\]]{1,100}(?:\.[^\x00-\x20\x7f.\[\]]{1,100}){0,15})")
_SEGMENT = re.compile(r"\{[A-Za-z0-9_.-]{1,100}\}|[A-Za-z0-9._~!$&'()*+,=:@-]{1,200}")


def _grants(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _grant(text: str) -> str:
    if not _GRANT.fullmatch(text):
        hint = "write `claim:groups=helpdesk`; left of `=` stands `claim:NAME`, `role`, `scope`, `subject`, `client`, "
        refuse("expected what a caller must have, such as `claim:NAME=VALUE`", hint + "`key` or `method`")
    return text


Grant = Annotated[str, AfterValidator(_grant)]
"""What a caller must have to get a role: `claim:groups=helpdesk`, `scope=orders.read`, `subject=7`."""

Grants = Annotated[
    tuple[Grant, ...],
    Field(min_length=1, max_length=1000, strict=False),
    BeforeValidator(_grants, json_schema_input_type=str | list[str]),
]
"""One or more of these; any of them is enough."""


def _object_path(text: str) -> str:
    segments = text.strip("/").split("/")
    ends_with_id = len(segments) > 1 and segments[-1].startswith("{")
    if not ends_with_id or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        hint = "write the path below the base path, with the id at its end"
        refuse("expected a path that ends with an id, such as `orders/{order_id}`", hint)
    return text.strip("/")


ObjectPath = Annotated[str, AfterValidator(_object_path)]
"""Where objects of one kind are: `orders/{order_id}`, below the base path."""


def _owner(text: str) -> str:
    if text != "learned" and not _CALLER.fullmatch(text) and not _FIELD.fullmatch(text):
        refuse(
            "expected whose the objects are",
            "write `response.customer_id` for a field of the answer, `subject` or `claim:NAME` where the id is the "
            "caller's own, or `learned`",
        )
    return text


def _caller(text: str) -> str:
    if not _CALLER.fullmatch(text):
        refuse("expected `subject`, `client`, `key` or `claim:NAME`")
    return text


class ObjectRule(Section):
    """Whose the objects of one kind are."""

    owner: Annotated[str, AfterValidator(_owner)] = Field(examples=["response.customer_id"])
    """`response.FIELD`: the caller that this field of the answer names; reading is decided by the answer before it
    leaves. `subject`, `client`, `key` or `claim:NAME`: the caller of whom this is the id itself. `learned`: the caller
    who made the object, or to whom a list returned it."""
    caller: Annotated[str, AfterValidator(_caller)] = Field(default="subject", examples=["claim:customer"])
    """What of the caller is compared with the owner: `subject`, `client`, `key` or `claim:NAME`."""
    unless_roles: _Texts = Field(default=(), examples=[["support"]])
    """Callers with one of these roles reach everybody's objects of this kind."""
    unknown: Literal["refuse", "pass"] = "refuse"
    """What is done with a request for an object whose owner nobody told."""
    id: _Texts = Field(default=(), examples=[["number"]])
    """Members that hold the id where an object stands in an answer. Default: the name in the path, then `id`."""

    @property
    def field(self) -> str | None:
        """The field of the answer that names the owner."""
        match = _FIELD.fullmatch(self.owner)
        return match[1] if match else None

    @property
    def compared(self) -> str:
        """What of the caller is compared."""
        return self.owner if _CALLER.fullmatch(self.owner) else self.caller


def _object_rule(value: Any) -> Any:
    return {"owner": value} if isinstance(value, str) else value


class FieldRule(Selector):
    """Fields that not every role may send or see."""

    name: Name = Field(examples=["privileges"])
    """Name in events."""
    fields: Annotated[tuple[FieldPath, ...], Field(min_length=1, max_length=1000, strict=False)] = Field(
        examples=[["role", "items[*].cost"]]
    )
    """Fields: a name stands for that field anywhere, `$.name` at the top, `user.role` or `items[*].cost` for one
    place."""
    send: _Texts | None = Field(default=None, examples=[["admin"]])
    """Roles that may send them; from all others they are refused. An empty list: nobody may. Default: anybody may."""
    see: _Texts | None = Field(default=None, examples=[["admin", "support"]])
    """Roles that may see them; from answers to all others they are taken out. Default: anybody may."""

    @model_validator(mode="after")
    def _about_something(self) -> "FieldRule":
        if self.send is None and self.see is None:
            refuse(
                "expected `send` or `see`",
                "write `send: [admin]` for who may send them, `see: [admin]` for who sees them",
            )
        return self


class AdminAccess(Section):
    """Privileged operations: denied to everybody but these roles. Empty `tags` and `paths` turn it off."""

    tags: _Texts = ("admin",)
    """Operations with one of these tags."""
    paths: Annotated[tuple[PathGlob, ...], Field(max_length=1000, strict=False)] | None = Field(
        default=None, examples=[["/admin/**"]]
    )
    """And operations below these paths. Default: `/admin` below the base path."""
    roles: _Texts = Field(default=(), examples=[["admin"]])
    """Roles that may call them; with none, nobody may unless a rule permits it."""
    scopes: _Texts = ()
    """Scopes that the caller must have too."""


class AccessRule(Selector):
    """Permits some callers some operations. An operation that any rule selects is denied to all others."""

    name: Name = Field(examples=["refunds"])
    """Name in events."""
    roles: _Texts = Field(default=(), examples=[["support"]])
    """The caller must have one of these."""
    scopes: _Texts = ()
    """The caller must have all of these."""
    anyone: bool = False
    """Whether whoever identity let pass may call them. Where another rule selects one of them too, that one decides."""

    @model_validator(mode="after")
    def _one_kind(self) -> "AccessRule":
        if self.anyone and (self.roles or self.scopes):
            refuse("expected neither `roles` nor `scopes` beside `anyone: true`", "leave one of them out")
        return self


class Access(Section):
    """Who may do what. Operations that no rule selects are open to whoever identity let pass."""

    roles: Annotated[Mapping[str, Grants], Field(max_length=1000)] = Field(
        default={}, examples=[{"support": "claim:groups=helpdesk"}]
    )
    """Roles that callers get beside those of their credential, and what they must have for it."""
    admin: AdminAccess | None = None
    """Privileged operations. Default, when identity has methods: those tagged `admin` or below `/admin` are denied to
    everybody unless a rule permits them."""
    rules: Annotated[tuple[AccessRule, ...], Field(max_length=10_000, strict=False)] = ()
    """Rules; all lists of a rule that are not empty must fit."""
    default: Literal["allow", "deny"] = "allow"
    """What becomes of operations that no rule selects: open to whoever identity let pass, or denied to everybody."""
    objects: Annotated[
        Mapping[
            ObjectPath, Annotated[ObjectRule, BeforeValidator(_object_rule, json_schema_input_type=str | ObjectRule)]
        ],
        Field(max_length=1000),
    ] = Field(default={}, examples=[{"orders/{order_id}": "response.customer_id"}])
    """Whose objects are, by path: what belongs to somebody else is refused, and so is everything below it."""
    all_objects: _Texts = Field(default=(), examples=[["support", "admin"]])
    """Roles that reach everybody's objects."""
    fields: Annotated[tuple[FieldRule, ...], Field(max_length=1000, strict=False)] = ()
    """Fields that not every role may send or see."""
    policies: Annotated[tuple[FilePattern, ...], Field(max_length=100, strict=False)] = Field(
        default=(), examples=[["policies/*.cedar"]]
    )
    """Files with policies in Cedar, and patterns of files. They are asked last; what none of them permits is denied."""
    claims_in_policies: Annotated[Mapping[str, Literal["text", "number", "truth", "texts"]], Field(max_length=100)] = (
        Field(default={}, examples=[{"tenant": "text", "groups": "texts"}])
    )
    """Claims that policies may read as `principal.claims`, and their types."""
    body: Annotated[Size, Within("1KiB", "64MiB")] = Size(1024 * 1024)
    """Bytes of a JSON response that are kept for owners and fields; a longer one is refused (502) where they decide."""

    @property
    def claims(self) -> frozenset[str]:
        """Names of the claims that must be kept for it."""
        grants = (one.partition("=")[0] for some in self.roles.values() for one in some)
        callers = (rule.compared for rule in self.objects.values())
        named = (name.removeprefix("claim:") for name in (*grants, *callers) if name.startswith("claim:"))
        return frozenset((*named, *self.claims_in_policies))
