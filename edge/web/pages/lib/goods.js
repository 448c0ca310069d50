// Pictures of goods, drawn: no photograph to load, sharp on a phone and on a wall.
// Each is a drawing on a 96-unit square that stands on y = 88. `#id` marks a gradient; it gets a number of its own
// for each picture, because a gradient inside something hidden cannot be borrowed by another picture.

import { svg } from "./dom.js";

const across = (id, ...stops) => gradient("linear", id, 'x1="0" y1="0" x2="1" y2="0"', stops);
const down = (id, ...stops) => gradient("linear", id, 'x1="0" y1="0" x2="0" y2="1"', stops);
const round = (id, ...stops) => gradient("radial", id, 'cx=".36" cy=".28" r=".85"', stops);

function gradient(kind, id, box, stops) {
  const inner = stops.map(([at, colour]) => `<stop offset="${at}" stop-color="${colour}"/>`).join("");
  return `<${kind}Gradient id="#${id}" ${box}>${inner}</${kind}Gradient>`;
}

const shade = (rx, cx = 48) => `<ellipse cx="${cx}" cy="89" rx="${rx}" ry="3.6" fill="#000" opacity=".14"/>`;

const slash = (x, y, turn, half, wide) =>
  `<g transform="translate(${x} ${y}) rotate(${turn})"><path d="M0-${half}C${wide}-${half / 2} ${wide} ${half / 2} 0 ${half}` +
  `C-${wide} ${half / 2}-${wide}-${half / 2} 0-${half}z" fill="#F4DFB6"/><path d="M.4-${half * 0.84}C${wide * 0.7}` +
  `-${half / 2} ${wide * 0.7} ${half / 2} .4 ${half * 0.84}" fill="none" stroke="#9C5D24" stroke-width=".9" ` +
  `stroke-linecap="round" opacity=".5"/></g>`;

const bag = (dark, mid, light, label, on) =>
  across("b", [0, dark], [0.3, light], [0.62, mid], [1, dark]) +
  shade(27) +
  `<path d="M26 20h44l3.4 62c.2 4-1.6 6-5.2 6H27.8c-3.6 0-5.4-2-5.2-6z" fill="url(#b)"/>` +
  `<path d="M27 9.5h42l2.2 12H24.8z" fill="url(#b)"/><path d="M27 9.5h42l2.2 12H24.8z" fill="#fff" opacity=".13"/>` +
  `<path d="M27.5 13h41M26.6 16.5h42.8" stroke="#000" stroke-opacity=".18" stroke-width="1"/>` +
  `<path d="M33 22c-2 20-2 44-.5 66" stroke="#fff" stroke-opacity=".16" stroke-width="3" fill="none"/>` +
  `<rect x="31" y="38" width="34" height="34" rx="3" fill="${label}"/>${on}`;

const carton = (side, face, lit, on) =>
  shade(24) +
  `<path d="M30 32l8-14h22l8 14z" fill="${lit}"/><path d="M56 32l4-14 8 14z" fill="#000" opacity=".12"/>` +
  `<path d="M37 9h24v9H37z" fill="${side}"/><path d="M37 11.5h24" stroke="#fff" stroke-opacity=".5" stroke-width="1"/>` +
  `<path d="M30 32h38v52c0 2.6-1.2 4-4 4H34c-2.8 0-4-1.4-4-4z" fill="${face}"/>` +
  `<path d="M57 32h11v52c0 2.6-1.2 4-4 4h-7z" fill="#17304F" opacity=".09"/>${on}`;

const DRAWN = {
  coffee: bag(
    "#3A2115", "#563625", "#7A5138", "#F5E8D3",
    `<g transform="rotate(28 48 52)"><ellipse cx="48" cy="52" rx="7" ry="10" fill="#5A3522"/>` +
      `<path d="M49.5 42.5c-4.5 5.5 1.5 9-2.5 19" stroke="#F5E8D3" stroke-width="1.8" fill="none"/></g>` +
      `<path d="M38 67h20" stroke="#5A3522" stroke-width="1.8" stroke-linecap="round"/>`,
  ),
  loaf:
    round("c", [0, "#E9B06A"], [0.4, "#C67E38"], [0.78, "#955520"], [1, "#6E3C13"]) +
    shade(43) +
    `<path d="M5 70C3 46 21 26 48 26s45 20 43 44c-.6 9-5 16-14 16.6H19C10 86 5.6 79 5 70z" fill="url(#c)"/>` +
    `<path d="M6 74c12 7 24 8 42 8s30-1 42-8c-2 7-6 12-13 12.6H19C12 86 8 81 6 74z" fill="#54290B" opacity=".36"/>` +
    slash(48, 50, 4, 20, 5.2) + slash(31, 54, 20, 15, 4.2) + slash(65, 54, -16, 15, 4.2) +
    slash(17, 60, 34, 9, 2.8) + slash(79, 60, -30, 9, 2.8) +
    `<path d="M11 58C15 42 27 32 42 30" fill="none" stroke="#FFE6B8" stroke-width="1.6" stroke-linecap="round" opacity=".34"/>` +
    `<g fill="#FFF7E6" opacity=".62"><circle cx="26" cy="38" r=".5"/><circle cx="37" cy="36" r=".4"/><circle cx="40" cy="44" r=".5"/>` +
    `<circle cx="57" cy="37" r=".5"/><circle cx="70" cy="43" r=".4"/><circle cx="61" cy="33" r=".3"/><circle cx="74" cy="50" r=".5"/>` +
    `<circle cx="22" cy="49" r=".4"/><circle cx="54" cy="62" r=".5"/><circle cx="41" cy="64" r=".4"/><circle cx="58" cy="56" r=".5"/>` +
    `<circle cx="33" cy="33" r=".4"/><circle cx="66" cy="37" r=".5"/><circle cx="23" cy="56" r=".5"/><circle cx="73" cy="62" r=".4"/></g>`,
  milk: carton(
    "#2E6DB4", "#F6F8FB", "#DCE6F2",
    `<path d="M30 54c6-5 12 5 19 0s12 4 19 0v16c-7 5-12-5-19 0s-13-5-19 0z" fill="#2E6DB4"/>` +
      `<path d="M35 40h16M35 45h11" stroke="#2E6DB4" stroke-width="2" stroke-linecap="round"/>`,
  ),
  juice: carton(
    "#D9731A", "#FFF4E2", "#FBE0B8",
    `<circle cx="47" cy="60" r="12" fill="#F09A2E"/><circle cx="47" cy="60" r="9.5" fill="#FBC46C"/>` +
      `<path d="M47 51v18M38 60h18M40.6 53.6l12.8 12.8M53.4 53.6L40.6 66.4" stroke="#F09A2E" stroke-width="1.4"/>` +
      `<path d="M35 40h18" stroke="#D9731A" stroke-width="2" stroke-linecap="round"/>`,
  ),
  banana:
    across("a", [0, "#E3A91C"], [0.5, "#F8D347"], [1, "#E8B528"]) +
    shade(34) +
    `<path d="M18 20c1 34 22 58 58 58 6 0 9-5 5-8C52 64 36 48 31 17c-1-6-13-5-13 3z" fill="url(#a)"/>` +
    `<path d="M36 15c2 28 16 45 42 50 6 1 9-4 5-7C62 50 50 38 46 13c-1-5-10-4-10 2z" fill="url(#a)"/>` +
    `<path d="M24 19c3 30 22 50 52 53M41 15c3 26 17 41 39 47" stroke="#B98410" stroke-width="1.5" fill="none" opacity=".6"/>` +
    `<path d="M18 20c-1-6 1-11 6-14h18c3 2 4 5 4 8l-10 3-5 1z" fill="#6A5420"/><path d="M80 70l5 4-4 4zM82 58l5 3-3 4z" fill="#5A4718"/>`,
  eggs:
    round("e", [0, "#F9DFC0"], [0.6, "#E6BF95"], [1, "#C4935F"]) +
    shade(42) +
    `<g fill="url(#e)"><ellipse cx="24" cy="44" rx="11" ry="14.5"/><ellipse cx="48" cy="42" rx="11" ry="14.5"/>` +
    `<ellipse cx="72" cy="44" rx="11" ry="14.5"/></g>` +
    `<path d="M6 52h84l-5 31c-.5 3-2 5-5 5H16c-3 0-4.5-2-5-5z" fill="#969A91"/>` +
    `<path d="M6 52c5 9 13 9 18 1 5 9 17 9 23 0 5 9 18 9 23 0 6 8 15 8 20-1l-2 10H8z" fill="#7C8178"/>` +
    `<path d="M11 70h74" stroke="#fff" stroke-opacity=".22" stroke-width="2"/>`,
  tomato:
    round("t", [0, "#F2765F"], [0.45, "#D8402A"], [1, "#98200F"]) +
    shade(40) +
    `<path d="M20 26C34 12 60 10 80 22" stroke="#4C7A34" stroke-width="3" fill="none" stroke-linecap="round"/>` +
    `<circle cx="27" cy="64" r="22" fill="url(#t)"/><circle cx="69" cy="64" r="22" fill="url(#t)"/>` +
    `<circle cx="48" cy="50" r="22" fill="url(#t)"/><g fill="#467A33">` +
    `<path d="M48 33l-9-4 7-2-1-8 4 6 7-3-3 6 8 4-9 1z"/><path d="M25 46l-8-2 6-3-2-6 5 4 5-4-1 6 6 3-7 2z"/>` +
    `<path d="M70 46l-8-2 6-3-2-6 5 4 5-4-1 6 6 3-7 2z"/></g>` +
    `<path d="M37 42c2-5 5-7 9-7" stroke="#FFC5B8" stroke-width="2.4" fill="none" stroke-linecap="round" opacity=".8"/>`,
  apple:
    round("p", [0, "#E9695B"], [0.5, "#C3322C"], [1, "#841712"]) +
    shade(28) +
    `<path d="M48 33c-8-7-34-6-34 22 0 20 13 34 23 33 5 0 7-2 11-2s6 2 11 2c10 1 23-13 23-33 0-28-26-29-34-22z" fill="url(#p)"/>` +
    `<path d="M48 34c-1-9 1-15 6-20" stroke="#5C4322" stroke-width="3" fill="none" stroke-linecap="round"/>` +
    `<path d="M53 20c4-9 14-11 21-8-2 8-11 13-21 8z" fill="#5C8F3C"/><path d="M23 48c1-6 4-10 9-12" stroke="#FFC9BE" stroke-width="3" fill="none" stroke-linecap="round" opacity=".75"/>`,
  orange:
    round("o", [0, "#FDBE63"], [0.5, "#F08F22"], [1, "#C1620C"]) +
    shade(30) +
    `<circle cx="48" cy="56" r="32" fill="url(#o)"/><path d="M48 26c3-9 13-12 21-9-2 8-11 13-21 9z" fill="#56893A"/>` +
    `<g fill="#B75A0A" opacity=".28"><circle cx="38" cy="48" r="1"/><circle cx="58" cy="64" r="1"/><circle cx="46" cy="72" r="1"/><circle cx="62" cy="48" r="1"/><circle cx="32" cy="62" r="1"/></g>`,
  oats: bag(
    "#A9793C", "#C9995A", "#E2BC84", "#FFF8EA",
    `<path d="M37 53h22c0 9-5 13-11 13s-11-4-11-13z" fill="#8E5F2A"/><ellipse cx="48" cy="53" rx="11" ry="3.2" fill="#F0D9AE"/>` +
      `<path d="M43 47c-2-3 2-4 0-7M50 47c-2-3 2-4 0-7" stroke="#8E5F2A" stroke-width="1.4" fill="none" stroke-linecap="round"/>`,
  ),
  yoghurt:
    across("y", [0, "#D7DEE8"], [0.35, "#FFFFFF"], [1, "#C9D3E0"]) +
    shade(26) +
    `<path d="M20 28h56l-6 56c-.3 2.6-2 4-5 4H31c-3 0-4.7-1.4-5-4z" fill="url(#y)"/>` +
    `<path d="M17 22h62c1.5 0 2 1 1.6 2.5L79 29H17l-1.6-4.5C15 23 15.5 22 17 22z" fill="#C7CCD4"/><path d="M17 22h62v2.5H17z" fill="#fff" opacity=".6"/>` +
    `<path d="M23 44h50.2l-2.8 25H25.6z" fill="#3F8F86"/><path d="M33 60c6-12 12 4 17-6s11-2 13 2" stroke="#fff" stroke-width="3" fill="none" stroke-linecap="round"/>`,
  cheese:
    down("h", [0, "#F9D368"], [1, "#E2A52D"]) +
    shade(40) +
    `<path d="M8 58L76 26c8 4 12 12 12 22z" fill="#FBE08E"/><path d="M8 58l80-10v34c0 4-2 6-6 6H14c-4 0-6-2-6-6z" fill="url(#h)"/>` +
    `<g fill="#C98A1B"><circle cx="30" cy="72" r="6"/><circle cx="56" cy="64" r="4.5"/><circle cx="70" cy="76" r="6.5"/><circle cx="47" cy="80" r="3"/></g><ellipse cx="66" cy="41" rx="6" ry="2.6" fill="#E9BE55"/>`,
  butter:
    shade(38) +
    `<path d="M12 50l14-14h60L74 50z" fill="#F6EBC4"/><path d="M74 50l12-14v30L74 84z" fill="#D9B95A"/><path d="M12 50h62v34c0 2.5-1 4-4 4H16c-3 0-4-1.5-4-4z" fill="#F0D985"/>` +
    `<path d="M12 62h62v14H12z" fill="#3B6FA6"/><path d="M22 69h32" stroke="#fff" stroke-width="3" stroke-linecap="round"/>`,
  pasta: bag(
    "#234E76", "#2F6496", "#4B83B6", "#F9E3A8",
    `<g stroke="#C99528" stroke-width="3.4" fill="none" stroke-linecap="round"><path d="M36 46c4-4 6 4 10 0s6 4 10 0"/><path d="M39 55c4-4 6 4 10 0s6 4 10 0"/><path d="M36 64c4-4 6 4 10 0s6 4 10 0"/></g>`,
  ),
  rice: bag(
    "#6A2B2B", "#8C3B38", "#AF5954", "#FFFDF6",
    `<g fill="#D8CDB4"><ellipse cx="40" cy="50" rx="4" ry="1.6" transform="rotate(30 40 50)"/><ellipse cx="52" cy="47" rx="4" ry="1.6" transform="rotate(-20 52 47)"/><ellipse cx="47" cy="56" rx="4" ry="1.6" transform="rotate(12 47 56)"/><ellipse cx="57" cy="58" rx="4" ry="1.6" transform="rotate(50 57 58)"/><ellipse cx="41" cy="63" rx="4" ry="1.6" transform="rotate(-30 41 63)"/><ellipse cx="53" cy="66" rx="4" ry="1.6" transform="rotate(8 53 66)"/></g>`,
  ),
  peas:
    across("f", [0, "#14603E"], [0.4, "#2E9463"], [1, "#135A3A"]) +
    round("g", [0, "#B9E07C"], [0.6, "#7DB93E"], [1, "#4E8A1F"]) +
    shade(32) +
    `<path d="M18 14c8 3 14 0 20 0s12 3 20 0 14 2 20 0l2 70c-7 3-14 0-20 2s-14-2-22 0-14 1-22-2z" fill="url(#f)"/>` +
    `<circle cx="38" cy="58" r="9" fill="url(#g)"/><circle cx="57" cy="56" r="9" fill="url(#g)"/><circle cx="48" cy="69" r="9" fill="url(#g)"/><circle cx="66" cy="68" r="7" fill="url(#g)"/><circle cx="30" cy="71" r="7" fill="url(#g)"/>` +
    `<path d="M30 28h36M36 36h24" stroke="#E8F6E4" stroke-width="4" stroke-linecap="round"/>`,
  icecream:
    across("i", [0, "#C93E6A"], [0.4, "#EE7396"], [1, "#B9325D"]) +
    shade(28) +
    `<path d="M20 36h56l-5 48c-.3 2.6-2 4-5 4H30c-3 0-4.7-1.4-5-4z" fill="url(#i)"/><path d="M17 28c0-2 1-3 3-3h56c2 0 3 1 3 3v8H17z" fill="#FBE9EF"/>` +
    `<circle cx="40" cy="62" r="11" fill="#FFF4E6"/><circle cx="55" cy="62" r="11" fill="#F7C3D2"/><circle cx="48" cy="54" r="11" fill="#8B5436"/>`,
  chocolate:
    down("k", [0, "#6C3E24"], [1, "#43220F"]) +
    shade(30) +
    `<path d="M24 10h48v78H24z" fill="url(#k)"/><path d="M24 28h48M24 46h48M40 10v50M56 10v50" stroke="#2C1508" stroke-width="2"/><path d="M22 44l6-4 6 5 6-5 6 5 7-5 6 5 7-5 8 4v40c0 3-1 4-4 4H26c-3 0-4-1-4-4z" fill="#A4313F"/>` +
    `<path d="M33 66h30M38 74h20" stroke="#F7DDB5" stroke-width="3.4" stroke-linecap="round"/>`,
  crisps:
    across("r", [0, "#B4281F"], [0.4, "#E4574A"], [1, "#A3211A"]) +
    shade(30) +
    `<path d="M22 10l4 3 4-3 4 3 4-3 5 3 5-3 5 3 5-3 4 3 4-3 4 3 4-3 2 10c-3 22-3 36 0 58l-2 10-4-3-4 3-4-3-4 3-5-3-5 3-5-3-5 3-4-3-4 3-4-3-4 3-2-10c3-22 3-36 0-58z" fill="url(#r)"/>` +
    `<ellipse cx="42" cy="58" rx="13" ry="9" transform="rotate(-18 42 58)" fill="#F7CE62"/><ellipse cx="56" cy="64" rx="13" ry="9" transform="rotate(14 56 64)" fill="#F2BC43"/><path d="M34 34h28M38 42h20" stroke="#fff" stroke-width="4" stroke-linecap="round"/>`,
  croissant:
    down("n", [0, "#E9AF60"], [1, "#A9651F"]) +
    shade(40) +
    `<path d="M6 80c-2-30 16-52 42-52s44 22 42 52c-7 6-14 2-16-8-4-10-14-14-26-14s-22 4-26 14c-2 10-9 14-16 8z" fill="url(#n)"/>` +
    `<path d="M32 33c-3 8-2 18 3 27M64 33c3 8 2 18-3 27M48 28v30M18 48c2 8 6 14 12 18M78 48c-2 8-6 14-12 18" stroke="#7F4713" stroke-width="2" fill="none" stroke-linecap="round" opacity=".6"/>`,
  tea:
    shade(30) +
    `<path d="M20 26l10-8h52l-10 8z" fill="#7FB08A"/><path d="M72 26l10-8v56l-10 14z" fill="#2F5F41"/><path d="M20 26h52v58c0 3-1 4-4 4H24c-3 0-4-1-4-4z" fill="#44805A"/>` +
    `<path d="M32 52h24v10c0 7-4 11-12 11s-12-4-12-11z" fill="#F4EEDC"/><path d="M56 55c7-1 7 10-1 9" stroke="#F4EEDC" stroke-width="2.6" fill="none"/><path d="M40 47c-2-3 2-4 0-8M48 47c-2-3 2-4 0-8" stroke="#F4EEDC" stroke-width="1.8" fill="none" stroke-linecap="round"/>`,
  water:
    across("w", [0, "#8CC3DE"], [0.4, "#DDF1FA"], [1, "#7AB5D3"]) +
    shade(17) +
    `<path d="M41 8h14v9H41z" fill="#2C6FA8"/><path d="M42 17h12c0 9 10 12 10 24v42c0 3.5-2 5-5 5H37c-3 0-5-1.5-5-5V41c0-12 10-15 10-24z" fill="url(#w)"/>` +
    `<path d="M32 48h32v20H32z" fill="#2C6FA8"/><path d="M38 60c4-6 7 2 10-2s6-2 9-1" stroke="#fff" stroke-width="2.6" fill="none" stroke-linecap="round"/>`,
  wine:
    across("v", [0, "#1F3B2A"], [0.35, "#466F55"], [1, "#182E21"]) +
    shade(16) +
    `<path d="M42 6h12v24c0 6 9 9 9 19v34c0 3.5-2 5-5 5H38c-3 0-5-1.5-5-5V49c0-10 9-13 9-19z" fill="url(#v)"/><path d="M42 6h12v13H42z" fill="#7A1F33"/><path d="M33 54h30v22H33z" fill="#F3EAD6"/><path d="M39 62h18M42 68h12" stroke="#7A1F33" stroke-width="2" stroke-linecap="round"/>`,
  greens:
    round("l", [0, "#A5D46F"], [0.5, "#5FA03C"], [1, "#2F6A22"]) +
    shade(36) +
    `<path d="M48 86C24 88 8 74 10 56c-4-12 8-20 15-18 2-14 18-18 24-9 8-9 24-3 23 10 10-1 18 10 13 20 2 18-15 29-37 27z" fill="url(#l)"/>` +
    `<path d="M48 84V42M48 62L30 48M48 56l18-14M48 74L26 66M48 72l22-10" stroke="#DDF0C4" stroke-width="2.2" fill="none" stroke-linecap="round" opacity=".75"/>`,
  biscuits:
    round("q", [0, "#EBC38A"], [0.6, "#CB8F4A"], [1, "#97602A"]) +
    shade(38) +
    `<path d="M12 40h52v40c0 5-3 8-8 8H20c-5 0-8-3-8-8z" fill="#A8452E"/><path d="M8 32h60v12H8z" fill="#C65F43"/><path d="M20 60h36M26 69h24" stroke="#F9E7CB" stroke-width="4" stroke-linecap="round"/>` +
    `<circle cx="70" cy="70" r="18" fill="url(#q)"/><g fill="#7A4A1D"><circle cx="64" cy="65" r="1.6"/><circle cx="75" cy="63" r="1.6"/><circle cx="71" cy="73" r="1.600"/><circle cx="62" cy="75" r="1.6"/><circle cx="79" cy="74" r="1.6"/></g>`,
  jar:
    across("j", [0, "#B9741A"], [0.35, "#F0B445"], [1, "#A8660F"]) +
    shade(24) +
    `<path d="M28 26h40c6 4 8 9 8 16v38c0 5-3 8-8 8H28c-5 0-8-3-8-8V42c0-7 2-12 8-16z" fill="url(#j)"/><path d="M27 10h42c2 0 3 1 3 3v13H24V13c0-2 1-3 3-3z" fill="#6A4A2A"/><path d="M24 20h48" stroke="#fff" stroke-opacity=".22" stroke-width="2"/>` +
    `<path d="M20 48h56v26H20z" fill="#FFF6E2"/><path d="M30 58h36M36 66h24" stroke="#9A6416" stroke-width="3" stroke-linecap="round"/>`,
  carrot:
    down("m", [0, "#F49A3F"], [1, "#CF6312"]) +
    shade(34) +
    `<path d="M24 30c-5-8-14-9-18-5 5 1 6 4 9 8-6-2-10 1-11 5 5-1 10 0 14 4z" fill="#4F8A38"/><path d="M22 30c10-8 20-2 24 4l44 46c3 4-1 8-5 6L27 54c-8-4-13-16-5-24z" fill="url(#m)"/><path d="M36 36l-5 6M50 50l-6 6M62 62l-5 5" stroke="#B4540C" stroke-width="2" stroke-linecap="round"/>`,
  cup:
    across("u", [0, "#CDBFA5"], [0.4, "#F6EEDD"], [1, "#C4B496"]) +
    shade(21) +
    `<path d="M26 30h44l-5 54c-.3 2.6-2 4-4.5 4h-25c-2.5 0-4.2-1.4-4.5-4z" fill="url(#u)"/><path d="M22 20h52v10H22z" fill="#6B4632"/><path d="M29 11h38l4 9H25z" fill="#835A43"/><path d="M28.6 46h38.8l-2 22H30.6z" fill="#B57A4D"/>`,
  box:
    shade(34) +
    `<path d="M48 12l36 15-36 15-36-15z" fill="#E3C796"/><path d="M12 27l36 15v46L12 73z" fill="#C9A669"/><path d="M84 27L48 42v46l36-15z" fill="#AE8A50"/><path d="M28 19l37 15v13l-7 3V37L21 22z" fill="#F4E4C4"/>`,
  gift:
    shade(34) +
    `<path d="M16 46h64v38c0 3-1 4-4 4H20c-3 0-4-1-4-4z" fill="#3B5BD9"/><path d="M12 34h72v13H12z" fill="#5673EC"/><path d="M42 34h12v54H42z" fill="#F5C95C"/><path d="M48 33c-20 0-26-22-13-23 9 0 13 14 13 23zm0 0c20 0 26-22 13-23-9 0-13 14-13 23z" fill="none" stroke="#F5C95C" stroke-width="5"/>`,
};

// Which drawing a word of a name asks for; the first that fits.
const WORDS = [
  ["oat", "oats"], ["porridge", "oats"], ["muesli", "oats"], ["granola", "oats"], ["tea", "tea"],
  ["ice cream", "icecream"], ["ice-cream", "icecream"], ["espresso", "coffee"], ["coffee", "coffee"], ["bean", "coffee"],
  ["croissant", "croissant"], ["pastr", "croissant"], ["brioche", "croissant"], ["muffin", "croissant"],
  ["loaf", "loaf"], ["bread", "loaf"], ["sourdough", "loaf"], ["baguette", "loaf"], ["bun", "loaf"], ["roll", "loaf"],
  ["bakery", "loaf"], ["yog", "yoghurt"], ["skyr", "yoghurt"], ["butter", "butter"], ["chedd", "cheese"],
  ["cheese", "cheese"], ["brie", "cheese"], ["egg", "eggs"], ["juice", "juice"], ["milk", "milk"], ["dairy", "milk"],
  ["cream", "milk"], ["banana", "banana"], ["tomato", "tomato"], ["apple", "apple"], ["berr", "apple"], ["orange", "orange"],
  ["citrus", "orange"], ["lemon", "orange"], ["cereal", "oats"], ["breakfast", "oats"], ["pasta", "pasta"], ["fusilli", "pasta"], ["spaghetti", "pasta"], ["penne", "pasta"],
  ["rice", "rice"], ["flour", "rice"], ["lentil", "rice"], ["pantry", "pasta"], ["pea", "peas"], ["frozen", "peas"],
  ["pizza", "peas"], ["choc", "chocolate"], ["crisp", "crisps"], ["snack", "crisps"], ["nut", "crisps"], ["biscuit", "biscuits"], ["cookie", "biscuits"], ["honey", "jar"], ["jam", "jar"], ["sauce", "jar"], ["carrot", "carrot"],
  ["water", "water"], ["cola", "water"], ["drink", "juice"], ["wine", "wine"], ["beer", "wine"], ["oil", "wine"],
  ["salad", "greens"], ["spinach", "greens"], ["lettuce", "greens"], ["cabbage", "greens"], ["kale", "greens"],
  ["vegetable", "greens"], ["produce", "greens"], ["fruit", "apple"], ["cup", "cup"], ["gift", "gift"], ["point", "gift"],
];

// Pictures that only say how goods are wrapped: their name says more.
const WRAPPINGS = new Set(["bag", "box", "cup"]);

let made = 0;

// The drawing's name for any of these words: a picture's own name, else what a title or a category speaks of.
export function pictureName(...words) {
  const plain = words.filter((word) => !WRAPPINGS.has(word));
  for (const word of [...plain, ...words]) {
    if (!word) continue;
    const low = word.toLowerCase();
    if (DRAWN[low]) return low;
    const found = WORDS.find(([part]) => new RegExp(`\\b${part}`).test(low));
    if (found) return found[1];
  }
  return "box";
}

export function picture(...words) {
  made += 1;
  const drawing = DRAWN[pictureName(...words)];
  const node = svg("svg", { viewBox: "0 0 96 96", "aria-hidden": "true" });
  node.innerHTML = drawing.replace(/id="#(\w)"/g, `id="g${made}$1"`).replace(/url\(#(\w)\)/g, `url(#g${made}$1)`);
  return node;
}

// A tile with the picture on it.
export function tile(attributes, ...words) {
  const box = document.createElement("div");
  box.className = `goods ${attributes?.class ?? ""}`;
  box.append(picture(...words));
  return box;
}

export const PICTURES = Object.keys(DRAWN);
