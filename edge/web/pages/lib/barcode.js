// Code 128, set B (ISO/IEC 15417): any printable ASCII as bars that every till's scanner reads.

import { svg } from "./dom.js";

// Widths of bar, space, bar, space, bar, space for each of the symbol's values; 106 is the stop with its last bar.
const WIDTHS = (
  "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 " +
  "113222 123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 " +
  "212123 212321 232121 111323 131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 " +
  "113123 113321 133121 313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 " +
  "314111 221411 431111 111224 111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 " +
  "241211 221114 413111 241112 134111 111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 " +
  "214121 412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 411131 211412 211214 " +
  "211232 2331112"
).split(" ");
const START_B = 104;
const STOP = 106;
const QUIET = 10;

// The symbol's values: start, one a character, check, stop. Characters outside the set become "?".
export function symbol(words) {
  const values = [START_B];
  for (const char of words) {
    const value = char.charCodeAt(0) - 32;
    values.push(value >= 0 && value <= 94 ? value : 31);
  }
  const check = values.reduce((sum, value, place) => sum + value * Math.max(1, place), 0) % 103;
  return [...values, check, STOP];
}

export const widths = (value) => WIDTHS[value];

export function barcode(words, attributes = {}) {
  let x = QUIET;
  let bars = "";
  for (const value of symbol(words)) {
    [...WIDTHS[value]].forEach((width, place) => {
      if (place % 2 === 0) bars += `M${x} 0h${width}v40h-${width}z`;
      x += Number(width);
    });
  }
  return svg(
    "svg",
    {
      viewBox: `0 0 ${x + QUIET} 40`, preserveAspectRatio: "none", role: "img",
      "aria-label": `Barcode ${words}`, "shape-rendering": "crispEdges", ...attributes,
    },
    svg("path", { d: bars, fill: "#16181B" }),
  );
}
