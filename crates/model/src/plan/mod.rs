//! The compiled policy: what control puts into a bundle and the gateway runs.
//!
//! Written by Python as JSON, read here. Unknown keys are refused on both sides, so the two cannot drift unseen.
//! Durations are milliseconds, sizes bytes, moments microseconds since the epoch.

mod access;
mod api;
mod gateway;
mod graphql;
mod grpc;
mod identity;
mod limits;
mod protect;
mod seclang;
mod stages;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use access::{
    AccessPlan, AccessRulePlan, FieldRulePlan, ObjectOwnerPlan, ObjectPlan, PoliciesPlan, PolicyPlan, RoleGrantPlan,
};
pub use api::{
    ApiPlan, BodyPlan, DeclaredResponsePlan, HealthPlan, MediaPlan, OperationPlan, OperationSelector, OutlierPlan,
    ParameterIn, ParameterPlan, ParameterStyle, PartPlan, TargetPlan, UpstreamPlan, UpstreamProtocol, UpstreamTlsPlan,
};
pub use gateway::{
    CertificatePlan, ClientCertificatesPlan, GatewayPlan, HttpLimitsPlan, ListenerPlan, SpoolFull, SpoolPlan,
    TimeoutsPlan, TlsPlan, TlsVersion,
};
pub use graphql::{GraphqlFieldPlan, GraphqlFieldRulePlan, GraphqlPlan, GraphqlSchemaPlan};
pub use grpc::{GrpcFieldPlan, GrpcKind, GrpcMessagePlan, GrpcMethodPlan, GrpcPlan};
pub use identity::{
    ApiKeyPlan, ApiKeysPlan, BasicPlan, BasicUserPlan, BindingPlan, CallersPlan, CertificateName, ClientIdentityPlan,
    FetchedKeysPlan, HandOnPlan, IdentityMethodPlan, IdentityPlan, IdentityRoutePlan, IntrospectionPlan, JwtPlan,
    KeyPlace, PreviousKeyPlan, SignatureKeyPlan, SignaturePlan, SignedHandOnPlan,
};
pub use limits::{
    CostPlace, CostPlan, LimitAction, LimitCount, LimitPlan, LimitShare, LimitTierPlan, SharedLimitsPlan, StatusRange,
};
pub use protect::{ProtectAction, ProtectPlan, ProtectRulePlan};
pub use seclang::{
    SecLangDisruptive, SecLangEffect, SecLangEngine, SecLangException, SecLangLink, SecLangOperator, SecLangPart,
    SecLangPlan, SecLangRule, SecLangScope, SecLangTarget,
};
pub use stages::{
    ContractPlan, Exception, FailMode, FailModesPlan, InspectPlan, LargeBody, ResponseCheck, ResponsePlan, Unknown,
};

/// Version of this shape. A gateway refuses a bundle of another format.
pub const PLAN_FORMAT: u32 = 1;

/// Everything a gateway needs to know.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`PLAN_FORMAT`].
    pub format: u32,
    /// Rises by one with every bundle that control builds.
    pub version: u64,
    /// When it was built, microseconds since the epoch.
    pub created_at: u64,
    /// Sockets, TLS, HTTP limits, spool.
    pub gateway: GatewayPlan,
    /// APIs; the first whose host and base path fit is taken, longest base path first.
    pub apis: Vec<ApiPlan>,
}
