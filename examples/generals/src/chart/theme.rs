//! How a chart looks. Each kind of arrow has a colour, a dash pattern, an end and a label of its
//! own, so that no two are told apart by colour alone.

/// The style of a chart, for light and dark surroundings. Colours are written out, since not every
/// viewer of SVG files knows variables.
pub(super) const STYLE: &str = "
svg { font-family: system-ui, sans-serif; font-size: 12px; }
.ground { fill: #ffffff; } .band { fill: #eef0f4; } text { fill: #1b1b1b; }
.round { font-weight: 600; } .dim { fill: #5f5f5f; } .broken { fill: #a63a08; font-weight: 600; }
.head { font-weight: 600; text-anchor: middle; } .role { text-anchor: middle; font-size: 11px; }
.box { fill: #ffffff; stroke: #1b1b1b; } .lane { stroke: #8a8a8a; fill: none; }
.box.traitor { stroke-dasharray: 4 3; } .lane.traitor { stroke-dasharray: 2 4; }
.label { font-size: 11px; text-anchor: middle; stroke: #ffffff; stroke-width: 3px;
  paint-order: stroke; }
.hit { stroke: #000000; stroke-opacity: 0; stroke-width: 16px; fill: none; }
.shaft { fill: none; stroke-width: 1.8px; } .tip { stroke-width: 1.8px; }
.honest .shaft, .honest .tip { stroke: #0b5c94; } .honest .tip { fill: #0b5c94; }
.lie .shaft, .lie .tip { stroke: #a63a08; } .lie .shaft { stroke-dasharray: 9 4; }
.lie .tip { fill: #ffffff; } .lie .label { fill: #a63a08; font-weight: 600; }
.dropped .shaft, .dropped .tip { stroke: #5f5f5f; fill: none; }
.dropped .shaft { stroke-dasharray: 2 5; } .dropped .label { fill: #5f5f5f; }
.late .shaft, .late .tip { stroke: #8a2f86; fill: none; }
.late .shaft { stroke-dasharray: 12 4 2 4; } .late .label { fill: #8a2f86; }
@media (prefers-color-scheme: dark) {
.ground { fill: #16181c; } .band { fill: #262a32; } text { fill: #ececec; }
.dim, .dropped .label { fill: #a8a8a8; } .broken, .lie .label { fill: #ff9a63; }
.box { fill: #16181c; stroke: #ececec; } .label { stroke: #16181c; } .lie .tip { fill: #16181c; }
.honest .shaft, .honest .tip { stroke: #6bb8ee; } .honest .tip { fill: #6bb8ee; }
.lie .shaft, .lie .tip { stroke: #ff9a63; }
.dropped .shaft, .dropped .tip { stroke: #a8a8a8; }
.late .shaft, .late .tip { stroke: #e29be0; } .late .label { fill: #e29be0; } }
";
