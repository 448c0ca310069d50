// The class of a creative's theme; one that is not drawn here is shown plain, or by what the goods are.

const DRAWN = ["bakery", "roast", "garden", "dairy", "berry", "frost", "offer"];
const ALSO = { warm: "bakery", coffee: "roast", green: "garden", blue: "dairy", red: "berry", cold: "frost" };
const BY_PICTURE = {
  loaf: "bakery", croissant: "bakery", oats: "bakery", coffee: "roast", chocolate: "roast", cup: "roast", tea: "garden",
  tomato: "garden", apple: "garden", orange: "bakery", banana: "bakery", greens: "garden", milk: "dairy",
  yoghurt: "dairy", butter: "dairy", cheese: "bakery", eggs: "bakery", peas: "garden", icecream: "berry", juice: "bakery",
  water: "frost", wine: "berry", pasta: "dairy", rice: "berry", crisps: "berry",
};

export function themeClass(theme, picture = "") {
  if (DRAWN.includes(theme)) return `theme ${theme}`;
  if (ALSO[theme]) return `theme ${ALSO[theme]}`;
  return `theme ${(theme === "plain" || !theme) && BY_PICTURE[picture] ? BY_PICTURE[picture] : ""}`.trim();
}
