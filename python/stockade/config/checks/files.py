"""Files and folders that settings name."""

from collections.abc import Iterator

from stockade.config.root import Config
from stockade.config.sources import Sources
from stockade.model.problem import Problem


def check(config: Config, sources: Sources) -> Iterator[Problem]:
    """Specs that are not there; a data folder that is a file."""
    for name, api in config.apis.items():
        if api.spec is not None and not api.spec.is_file():
            hint = f"looked for {api.spec}"
            yield sources.problem(("apis", name, "spec"), "expected an OpenAPI document", hint, show_value=True)
    if config.data.exists() and not config.data.is_dir():
        yield sources.problem(("data",), "expected a folder", f"{config.data} is a file", show_value=True)
