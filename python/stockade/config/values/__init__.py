"""Types of settings that are more than a string or a number; each parses its text and explains what it expected."""

from stockade.config.values.address import Cidr, ListenAddress, ServiceUrl, TargetUrl
from stockade.config.values.duration import Duration
from stockade.config.values.files import ConfigPath
from stockade.config.values.moment import Moment
from stockade.config.values.names import BasePath, FieldName, HostPattern, Method, Name, PathGlob
from stockade.config.values.rate import Rate
from stockade.config.values.secret import SecretRef
from stockade.config.values.size import Size
from stockade.config.values.within import Within

__all__ = [
    "BasePath",
    "Cidr",
    "ConfigPath",
    "Duration",
    "FieldName",
    "HostPattern",
    "ListenAddress",
    "Method",
    "Moment",
    "Name",
    "PathGlob",
    "Rate",
    "SecretRef",
    "ServiceUrl",
    "Size",
    "TargetUrl",
    "Within",
]
