//! Which methods are tried for which operations, and where none is needed.

use stockade_model::plan::{ApiPlan, OperationSelector};

use crate::PlanError;
use crate::glob::Reading;
use crate::operations::Selection;
use crate::stage::Exchange;

/// Methods in the order in which they are tried, and whether a request may come without any.
#[derive(Debug)]
pub(super) struct Order {
    /// Places in the list of methods.
    pub(super) methods: Vec<usize>,
    /// Whether a route set it, rather than the API as a whole.
    pub(super) is_own: bool,
    /// Where it is set, below `identity`.
    pub(super) setting: String,
    anonymous: bool,
}

impl Order {
    /// The setting that asks for a credential, below `identity`.
    pub(super) fn required_setting(&self) -> String {
        if self.is_own { self.setting.clone() } else { "required".to_owned() }
    }
}

/// All orders of an API.
#[derive(Debug)]
pub(super) struct Routes {
    own: Vec<(Vec<Selection>, Order)>,
    common: Order,
    /// Operations of the common order that need no credential.
    anonymous: Vec<Selection>,
}

impl Routes {
    /// Compiles them.
    ///
    /// # Errors
    /// A selector that does not compile, an unknown method, a credential that nobody could show.
    pub(super) fn new(plan: &ApiPlan, setting: &str) -> Result<Self, PlanError> {
        let compile = |selectors: &[OperationSelector], at: String| -> Result<Vec<Selection>, PlanError> {
            let compile = |selector| Selection::new(selector, &plan.operations, Reading::Exact, &at);
            selectors.iter().map(compile).collect()
        };
        let identity = &plan.identity;
        let mut own = Vec::with_capacity(identity.routes.len());
        for (place, route) in identity.routes.iter().enumerate() {
            let at = format!("{setting}.routes[{place}]");
            let index = |name: &String| {
                identity.methods.iter().position(|method| method.name() == name).ok_or_else(|| {
                    PlanError::new(format!("{at}.methods"), format!("expected the name of a method, got `{name}`"))
                })
            };
            let methods: Vec<usize> = route.methods.iter().map(index).collect::<Result<_, _>>()?;
            if methods.is_empty() && !route.anonymous {
                return Err(PlanError::new(format!("{at}.methods"), "expected a method, or `anonymous`"));
            }
            let order =
                Order { methods, is_own: true, setting: format!("routes[{place}]"), anonymous: route.anonymous };
            own.push((compile(&route.select, at)?, order));
        }
        if identity.required && identity.methods.is_empty() {
            return Err(PlanError::new(
                format!("{setting}.required"),
                "expected at least one entry under `identity.methods` when a credential is required",
            ));
        }
        let common = Order {
            methods: (0..identity.methods.len()).collect(),
            is_own: false,
            setting: "anonymous".to_owned(),
            anonymous: !identity.required,
        };
        Ok(Self { own, common, anonymous: compile(&identity.anonymous, format!("{setting}.anonymous"))? })
    }

    /// The order for a request: that of the first route that selects it, else the common one.
    pub(super) fn order(&self, exchange: &Exchange<'_>) -> &Order {
        let (operation, request) = (exchange.record.operation, exchange.request);
        let selects = |selections: &[Selection]| selections.iter().any(|one| one.selects(operation, request));
        self.own.iter().find(|(selections, _)| selects(selections)).map_or(&self.common, |(_, order)| order)
    }

    /// Whether a request under `order` needs a credential.
    pub(super) fn is_required(&self, order: &Order, exchange: &Exchange<'_>) -> bool {
        let (operation, request) = (exchange.record.operation, exchange.request);
        !order.anonymous && (order.is_own || !self.anonymous.iter().any(|one| one.selects(operation, request)))
    }
}
