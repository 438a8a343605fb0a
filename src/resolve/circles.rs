//! Rules that look at what each other changes are refused: whichever of them acted first would make rows due for another, and
//! no plan would have counted those.
//!
//! A run is one policy, so rules of several policies are no circle: each run is planned when the one before it has acted, and its
//! guards are asked of what is due by then. Where two of them act at a time, the plan of each is its ceiling.

use crate::diagnostic::mistake::Mistake;
use crate::plan::{self, Circle, RulePlan};
use crate::schedule::{Age, Rule};

/// A rule with its plan, or the mistakes for which it has none.
type Outcome<'s> = (&'s Rule, Result<RulePlan, Vec<Mistake>>);

/// Takes the plans away from rules in a circle, and says why.
pub(super) fn refuse(rules: &mut [Outcome<'_>]) {
    let (places, plans): (Vec<usize>, Vec<RulePlan>) =
        rules.iter().enumerate().filter_map(|(at, (_, plan))| Some((at, plan.as_ref().ok()?.clone()))).unzip();
    for circle in plan::circles(&plans) {
        let reason = reason(&plans, &circle);
        for (at, _) in &circle.rules {
            let (rule, outcome) = &mut rules[places[*at]];
            *outcome = Err(vec![mistake(rule, &reason)]);
        }
    }
}

/// `a` looks at `t`, which `b` changes; `b` looks at `u`, which `a` changes
fn reason(plans: &[RulePlan], circle: &Circle) -> String {
    let behind = circle.rules.iter().cycle().skip(1);
    let looks = circle.rules.iter().zip(behind).map(|((at, table), (other, _))| {
        format!("`{}` looks at `{table}`, which `{}` changes", plans[*at].rule, plans[*other].rule)
    });
    looks.collect::<Vec<_>>().join("; ")
}

fn mistake(rule: &Rule, reason: &str) -> Mistake {
    let key = match (&rule.condition, &rule.age) {
        (Some(_), _) => "where",
        (None, Age::Retain { .. }) => "anchor",
        (None, Age::Expires(_)) => "expires",
    };
    let sentence = format!(
        "rule `{}` is in a circle: {reason}. Whichever acts first makes rows due for another that no plan has counted",
        rule.name
    );
    Mistake::error(sentence).at(&rule.places, key).remedy(
        "leave the question about the other rule's table out of one of them, let one take the other's rows along by `cascade`, \
         or put one of them into a policy of its own, which is planned after the other has acted",
    )
}
