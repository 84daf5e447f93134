"""The `seclang` section of an API: rules in the language of ModSecurity, such as the OWASP Core Rule Set."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from stockade.config.section import Section
from stockade.config.values.moment import Moment
from stockade.config.values.refuse import refuse


def _resolve(pattern: str, info: ValidationInfo) -> str:
    if not pattern.strip() or "\0" in pattern:
        refuse("expected the name of a file, or a pattern such as `rules/*.conf`")
    context: dict[str, Any] = info.context or {}
    folder = context.get("folder")
    path = Path(pattern).expanduser()
    return str((folder / path).absolute() if folder else path.absolute())


FilePattern = Annotated[str, Field(max_length=4096), AfterValidator(_resolve)]
"""A file, or a pattern of files; relative ones begin at the folder of the config file."""


class SecLangException(Section):
    """A match that is let pass: all that is named must fit."""

    operation: str | None = Field(default=None, examples=["createNote"])
    """Operation id; any when absent."""
    rule: Annotated[int, Field(ge=1)] | None = Field(default=None, examples=[942100])
    """Id of the rule; any when absent."""
    variable: str | None = Field(default=None, max_length=500, examples=["ARGS:json.items.*.note"])
    """Variable as matches name it; any when absent. A part `*` of its key stands for any index."""
    reason: str = Field(min_length=1, max_length=500, examples=["notes hold code"])
    """Why, for the people who come later."""
    expires: Moment | None = Field(default=None, examples=["2027-01-01"])
    """When it ends; never when absent."""

    @model_validator(mode="after")
    def _names_something(self) -> "SecLangException":
        if self.rule is None and self.variable is None:
            refuse("expected `rule` or `variable`", "to let rules tell and not refuse write `mode: detection_only`")
        return self


class SecLang(Section):
    """Rules in the language of ModSecurity."""

    files: Annotated[tuple[FilePattern, ...], Field(min_length=1, max_length=100, strict=False)] = Field(
        examples=[["crs-setup.conf", "rules/*.conf"]]
    )
    """Files and patterns, read in this order; a pattern's files by name."""
    mode: Literal["rules", "on", "detection_only", "off"] = "rules"
    """Whether rules refuse (`on`), only tell (`detection_only`), or what `SecRuleEngine` in them says (`rules`; `on`
    where nothing is said). In an API in `monitor` mode nothing is refused whatever this says."""
    exceptions: Annotated[tuple[SecLangException, ...], Field(max_length=10_000, strict=False)] = ()
    """Matches that are let pass."""
