// ?theme=light or ?theme=dark overrides the system's choice: for a wall display, and for pictures.
const asked = new URLSearchParams(location.search).get("theme");
if (asked === "light" || asked === "dark") document.documentElement.dataset.theme = asked;
