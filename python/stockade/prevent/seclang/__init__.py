"""SecLang: rules in the language of ModSecurity, compiled into a plan that the gateway runs.

`reader` follows includes and cuts files into directives, `directives` and `rules` give them their meaning, `updates`
changes rules after they were read, and `compiler` writes the plan (`crates/model/src/plan/seclang.rs`).
"""

from stockade.prevent.seclang.compiler import Compilation, compile_files, compile_text
from stockade.prevent.seclang.problem import SecLangError

__all__ = ["Compilation", "SecLangError", "compile_files", "compile_text"]
