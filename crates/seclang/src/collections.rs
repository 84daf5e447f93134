//! Names of variables and collections.

macro_rules! collections {
    ($($variant:ident, $name:literal, $fixed:expr;)*) => {
        /// One variable or collection. The order is that of the declaration, so that it can index a list.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Collection { $($variant,)* }

        impl Collection {
            /// How many there are.
            pub(crate) const COUNT: usize = [$($name,)*].len();

            /// The one of that name, in upper case.
            pub(crate) fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            /// Its name.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Whether it holds what the message said, so that it changes only between phases.
            pub(crate) const fn is_fixed(self) -> bool {
                match self { $(Self::$variant => $fixed,)* }
            }
        }
    };
}

collections! {
    Args, "ARGS", true;
    ArgsGet, "ARGS_GET", true;
    ArgsPost, "ARGS_POST", true;
    ArgsNames, "ARGS_NAMES", true;
    ArgsGetNames, "ARGS_GET_NAMES", true;
    ArgsPostNames, "ARGS_POST_NAMES", true;
    ArgsCombinedSize, "ARGS_COMBINED_SIZE", true;
    AuthType, "AUTH_TYPE", true;
    Duration, "DURATION", false;
    Env, "ENV", false;
    Files, "FILES", true;
    FilesNames, "FILES_NAMES", true;
    FilesSizes, "FILES_SIZES", true;
    FilesTmpnames, "FILES_TMPNAMES", true;
    FilesTmpContent, "FILES_TMP_CONTENT", true;
    FilesCombinedSize, "FILES_COMBINED_SIZE", true;
    FullRequest, "FULL_REQUEST", true;
    FullRequestLength, "FULL_REQUEST_LENGTH", true;
    Geo, "GEO", true;
    Global, "GLOBAL", false;
    HighestSeverity, "HIGHEST_SEVERITY", false;
    InboundDataError, "INBOUND_DATA_ERROR", true;
    Ip, "IP", false;
    MatchedVar, "MATCHED_VAR", false;
    MatchedVarName, "MATCHED_VAR_NAME", false;
    MatchedVars, "MATCHED_VARS", false;
    MatchedVarsNames, "MATCHED_VARS_NAMES", false;
    ModsecBuild, "MODSEC_BUILD", true;
    MscPcreError, "MSC_PCRE_ERROR", true;
    MscPcreLimitsExceeded, "MSC_PCRE_LIMITS_EXCEEDED", true;
    MultipartBoundaryQuoted, "MULTIPART_BOUNDARY_QUOTED", true;
    MultipartBoundaryWhitespace, "MULTIPART_BOUNDARY_WHITESPACE", true;
    MultipartCrlfLfLines, "MULTIPART_CRLF_LF_LINES", true;
    MultipartDataAfter, "MULTIPART_DATA_AFTER", true;
    MultipartDataBefore, "MULTIPART_DATA_BEFORE", true;
    MultipartFileLimitExceeded, "MULTIPART_FILE_LIMIT_EXCEEDED", true;
    MultipartFilename, "MULTIPART_FILENAME", true;
    MultipartHeaderFolding, "MULTIPART_HEADER_FOLDING", true;
    MultipartInvalidHeaderFolding, "MULTIPART_INVALID_HEADER_FOLDING", true;
    MultipartInvalidPart, "MULTIPART_INVALID_PART", true;
    MultipartInvalidQuoting, "MULTIPART_INVALID_QUOTING", true;
    MultipartLfLine, "MULTIPART_LF_LINE", true;
    MultipartMissingSemicolon, "MULTIPART_MISSING_SEMICOLON", true;
    MultipartName, "MULTIPART_NAME", true;
    MultipartPartHeaders, "MULTIPART_PART_HEADERS", true;
    MultipartStrictError, "MULTIPART_STRICT_ERROR", true;
    MultipartUnmatchedBoundary, "MULTIPART_UNMATCHED_BOUNDARY", true;
    OutboundDataError, "OUTBOUND_DATA_ERROR", true;
    PathInfo, "PATH_INFO", true;
    QueryString, "QUERY_STRING", true;
    RemoteAddr, "REMOTE_ADDR", true;
    RemoteHost, "REMOTE_HOST", true;
    RemotePort, "REMOTE_PORT", true;
    RemoteUser, "REMOTE_USER", true;
    ReqbodyError, "REQBODY_ERROR", true;
    ReqbodyErrorMsg, "REQBODY_ERROR_MSG", true;
    ReqbodyProcessor, "REQBODY_PROCESSOR", false;
    ReqbodyProcessorError, "REQBODY_PROCESSOR_ERROR", true;
    ReqbodyProcessorErrorMsg, "REQBODY_PROCESSOR_ERROR_MSG", true;
    RequestBasename, "REQUEST_BASENAME", true;
    RequestBody, "REQUEST_BODY", true;
    RequestBodyLength, "REQUEST_BODY_LENGTH", true;
    RequestCookies, "REQUEST_COOKIES", true;
    RequestCookiesNames, "REQUEST_COOKIES_NAMES", true;
    RequestFilename, "REQUEST_FILENAME", true;
    RequestHeaders, "REQUEST_HEADERS", true;
    RequestHeadersNames, "REQUEST_HEADERS_NAMES", true;
    RequestLine, "REQUEST_LINE", true;
    RequestMethod, "REQUEST_METHOD", true;
    RequestProtocol, "REQUEST_PROTOCOL", true;
    RequestUri, "REQUEST_URI", true;
    RequestUriRaw, "REQUEST_URI_RAW", true;
    Resource, "RESOURCE", false;
    ResponseBody, "RESPONSE_BODY", true;
    ResponseContentLength, "RESPONSE_CONTENT_LENGTH", true;
    ResponseContentType, "RESPONSE_CONTENT_TYPE", true;
    ResponseHeaders, "RESPONSE_HEADERS", true;
    ResponseHeadersNames, "RESPONSE_HEADERS_NAMES", true;
    ResponseProtocol, "RESPONSE_PROTOCOL", true;
    ResponseStatus, "RESPONSE_STATUS", true;
    Rule, "RULE", false;
    ServerAddr, "SERVER_ADDR", true;
    ServerName, "SERVER_NAME", true;
    ServerPort, "SERVER_PORT", true;
    Session, "SESSION", false;
    Sessionid, "SESSIONID", false;
    StatusLine, "STATUS_LINE", true;
    Time, "TIME", false;
    TimeDay, "TIME_DAY", false;
    TimeEpoch, "TIME_EPOCH", false;
    TimeHour, "TIME_HOUR", false;
    TimeMin, "TIME_MIN", false;
    TimeMon, "TIME_MON", false;
    TimeSec, "TIME_SEC", false;
    TimeWday, "TIME_WDAY", false;
    TimeYear, "TIME_YEAR", false;
    Tx, "TX", false;
    UniqueId, "UNIQUE_ID", true;
    UrlencodedError, "URLENCODED_ERROR", true;
    User, "USER", false;
    Userid, "USERID", false;
    Webappid, "WEBAPPID", true;
    Xml, "XML", true;
}
