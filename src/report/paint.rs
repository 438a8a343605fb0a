//! The colours of the HTML report, by day and by night, and how an element bears them.
//!
//! Mail clients drop style sheets, so each element bears its light colours itself. Its classes are for what a style sheet
//! alone can do, where there is one: dark mode, and paper.

use crate::record::Standing;

/// What an element is painted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Text.
    Ink,
    /// Text that stands back: labels, captions.
    Quiet,
    /// Behind everything.
    Paper,
    /// Behind a rule, or the verdict.
    Sheet,
    /// Behind code.
    Trough,
    /// Borders.
    Line,
    /// Text and border that say how a promise stands.
    Says(Standing),
    /// The ground under such text.
    Tint(Standing),
    /// What is drawn: the filled part of a bar, a column.
    Fill,
    /// What is drawn beyond its limit.
    Over,
}

const STANDINGS: [Standing; 6] =
    [Standing::Kept, Standing::NotLookedAt, Standing::Overdue, Standing::AtRisk, Standing::Unknown, Standing::Broken];

impl Paint {
    fn all() -> impl Iterator<Item = Paint> {
        let plain = [
            Paint::Ink,
            Paint::Quiet,
            Paint::Paper,
            Paint::Sheet,
            Paint::Trough,
            Paint::Line,
            Paint::Fill,
            Paint::Over,
        ];
        plain.into_iter().chain(STANDINGS.map(Paint::Says)).chain(STANDINGS.map(Paint::Tint))
    }

    pub fn class(self) -> &'static str {
        match self {
            Paint::Ink => "ink",
            Paint::Quiet => "quiet",
            Paint::Paper => "paper",
            Paint::Sheet => "sheet",
            Paint::Trough => "trough",
            Paint::Line => "line",
            Paint::Fill => "fill",
            Paint::Over => "over",
            Paint::Says(Standing::Kept) => "kept",
            Paint::Says(Standing::NotLookedAt) => "not-looked-at",
            Paint::Says(Standing::Overdue) => "overdue",
            Paint::Says(Standing::AtRisk) => "at-risk",
            Paint::Says(Standing::Unknown) => "not-known",
            Paint::Says(Standing::Broken) => "broken",
            Paint::Tint(Standing::Kept) => "kept-ground",
            Paint::Tint(Standing::NotLookedAt) => "not-looked-at-ground",
            Paint::Tint(Standing::Overdue) => "overdue-ground",
            Paint::Tint(Standing::AtRisk) => "at-risk-ground",
            Paint::Tint(Standing::Unknown) => "not-known-ground",
            Paint::Tint(Standing::Broken) => "broken-ground",
        }
    }

    /// By day and by night.
    fn colours(self) -> [&'static str; 2] {
        match self {
            Paint::Ink => ["#1f1e1b", "#ece8df"],
            Paint::Quiet => ["#5a564e", "#b4ad9f"],
            Paint::Paper => ["#f5f3ee", "#131312"],
            Paint::Sheet => ["#ffffff", "#1c1c1a"],
            Paint::Trough => ["#ebe7de", "#2e2c28"],
            Paint::Line => ["#d8d2c6", "#3d3a34"],
            Paint::Fill => ["#3d6f8e", "#6fa9cc"],
            Paint::Over => ["#b0482a", "#e8906f"],
            Paint::Says(Standing::Kept) => ["#1b6037", "#8bd6a6"],
            Paint::Says(Standing::NotLookedAt) => ["#5a564e", "#b4ad9f"],
            Paint::Says(Standing::Overdue) => ["#1c4e8c", "#9cc4f2"],
            Paint::Says(Standing::AtRisk) => ["#7a3f00", "#f1bb70"],
            Paint::Says(Standing::Unknown) => ["#54408b", "#c6b5f6"],
            Paint::Says(Standing::Broken) => ["#971b1b", "#ffa39a"],
            Paint::Tint(Standing::Kept) => ["#e6f2ea", "#15271c"],
            Paint::Tint(Standing::NotLookedAt) => ["#ebe7de", "#2e2c28"],
            Paint::Tint(Standing::Overdue) => ["#e6eef8", "#14233a"],
            Paint::Tint(Standing::AtRisk) => ["#fdf0dd", "#32240f"],
            Paint::Tint(Standing::Unknown) => ["#eeebf8", "#25203a"],
            Paint::Tint(Standing::Broken) => ["#fbe8e6", "#3a1916"],
        }
    }

    /// The properties that it paints.
    fn properties(self) -> &'static [&'static str] {
        match self {
            Paint::Ink | Paint::Quiet | Paint::Fill | Paint::Over => &["color"],
            Paint::Says(_) => &["color", "border-color"],
            Paint::Line => &["border-color"],
            Paint::Paper | Paint::Sheet | Paint::Trough | Paint::Tint(_) => &["background-color"],
        }
    }

    fn declarations(self, night: usize, suffix: &str) -> String {
        let colour = self.colours()[night];
        self.properties().iter().map(|property| format!("{property}:{colour}{suffix}")).collect::<Vec<_>>().join(";")
    }
}

/// The attributes of an element: `class` and `style`.
pub struct Look {
    pub class: String,
    pub style: String,
}

/// An element with these paints, and with this style besides, which may set no colour.
pub fn look(paints: &[Paint], style: &str) -> Look {
    let class = paints.iter().map(|paint| paint.class()).collect::<Vec<_>>().join(" ");
    let colours = paints.iter().map(|paint| paint.declarations(0, ""));
    // The border's style before its colour: `border` in short would set the colour back.
    let style = std::iter::once(style.to_owned()).filter(|style| !style.is_empty()).chain(colours);
    Look { class, style: style.collect::<Vec<_>>().join(";") }
}

/// What only a style sheet can do. Where there is none, nothing is lost but the dark and a tidy print.
///
/// `on_every_sheet` is printed in the margin of every sheet of paper; it holds no quotes.
pub fn style_sheet(on_every_sheet: Option<&str>) -> String {
    let rules = |night, suffix| {
        Paint::all()
            .map(|paint| format!(".{}{{{}}}", paint.class(), paint.declarations(night, suffix)))
            .collect::<String>()
    };
    let mark = on_every_sheet.map_or_else(String::new, |mark| {
        format!("@page{{@top-center{{content:\"{mark}\";font:bold 11pt sans-serif;color:#000000}}}}")
    });
    format!(
        "{mark}@media (prefers-color-scheme:dark){{{}}}@media print{{{}{PRINT}}}",
        rules(1, "!important"),
        rules(0, "!important"),
    )
}

/// A4, in the light, nothing cut in the middle; what is folded on a screen is left out.
const PRINT: &str = "@page{size:A4;margin:20mm 16mm 16mm}\
    *{-webkit-print-color-adjust:exact;print-color-adjust:exact}\
    .paper,.sheet{background-color:#ffffff!important}\
    .folded{display:none}.unfolded{display:block!important}\
    .gap{padding:0!important}.page{max-width:none!important}\
    tr,.whole{break-inside:avoid}h1,h2,h3,h4,caption{break-after:avoid}\
    .run+.run{break-before:page}main{zoom:.8}";

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG's ratio of two colours, from 1 to 21.
    fn contrast(one: &str, other: &str) -> f64 {
        let luminance = |colour: &str| {
            let channel = |at: usize| {
                let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
                if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
        };
        let [dark, light] = {
            let mut both = [luminance(one), luminance(other)];
            both.sort_by(f64::total_cmp);
            both
        };
        (light + 0.05) / (dark + 0.05)
    }

    #[test]
    fn contrast_is_that_of_the_published_formula() {
        assert_eq!(contrast("#000000", "#ffffff"), 21.0);
        assert_eq!((contrast("#777777", "#ffffff") * 100.0).round(), 448.0);
    }

    #[test]
    fn every_text_can_be_read_on_every_ground_that_it_may_stand_on_by_day_and_by_night() {
        for night in [0, 1] {
            let ratio = |text: Paint, ground: Paint| {
                let ratio = contrast(text.colours()[night], ground.colours()[night]);
                assert!(ratio >= 4.5, "{text:?} on {ground:?}: {ratio:.2}");
            };
            for text in [Paint::Ink, Paint::Quiet].into_iter().chain(STANDINGS.map(Paint::Says)) {
                for ground in [Paint::Paper, Paint::Sheet, Paint::Trough].into_iter().chain(STANDINGS.map(Paint::Tint))
                {
                    ratio(text, ground);
                }
            }
        }
    }

    #[test]
    fn bars_stand_out_from_what_they_lie_on() {
        for night in [0, 1] {
            for bar in [Paint::Fill, Paint::Over] {
                for ground in [Paint::Sheet, Paint::Trough] {
                    let ratio = contrast(bar.colours()[night], ground.colours()[night]);
                    assert!(ratio >= 3.0, "{bar:?} on {ground:?}: {ratio:.2}");
                }
            }
        }
    }

    #[test]
    fn every_colour_is_turned_by_night_and_turned_back_on_paper() {
        let sheet = style_sheet(None);
        let (night, print) = sheet.split_once("@media print").unwrap();
        for paint in Paint::all() {
            assert!(night.contains(&format!(".{}{{{}}}", paint.class(), paint.declarations(1, "!important"))));
            assert!(print.contains(&format!(".{}{{{}}}", paint.class(), paint.declarations(0, "!important"))));
        }
    }
}
