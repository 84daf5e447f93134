"""What all sections of the config have in common: frozen, unknown keys refused, docstrings as descriptions."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One section of the config file."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        use_attribute_docstrings=True,
        validate_default=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=False,
    )
