// What the pages' tests ask of a page: an object of functions, evaluated in it.
({
  // Texts whose contrast against what is painted behind them is too low (WCAG 2.2, 1.4.3).
  // What is faded on its way in or out, and what lies over a drawing, is not judged here.
  contrast() {
    const parse = (colour) => {
      const parts = colour.match(/[\d.]+/g).map(Number);
      const scale = colour.startsWith("color(") ? 255 : 1;
      return [parts[0] * scale, parts[1] * scale, parts[2] * scale, parts[3] ?? 1];
    };
    const over = (top, under) => [0, 1, 2].map((n) => top[n] * top[3] + under[n] * (1 - top[3])).concat(1);
    const part = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
    const luminance = (c) => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
    const bad = [];
    const seen = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (seen.nextNode()) {
      const words = seen.currentNode.data.trim();
      const node = seen.currentNode.parentElement;
      if (!words || node.closest("svg, .sr, script, noscript, option, select") || !node.checkVisibility()) continue;
      const box = node.getBoundingClientRect();
      if (!box.width || !box.height) continue;
      const layers = [];
      let faded = false;
      for (let at = node; at; at = at.parentElement) {
        const style = getComputedStyle(at);
        faded ||= Number(style.opacity) < 1;
        const colour = parse(style.backgroundColor);
        if (colour[3] > 0) layers.unshift(colour);
        if (colour[3] === 1) break;
      }
      if (faded) continue;
      const ground = layers.reduce((under, layer) => over(layer, under), [255, 255, 255, 1]);
      const style = getComputedStyle(node);
      const ink = over(parse(style.color), ground);
      const [high, low] = [luminance(ink), luminance(ground)].sort((a, b) => b - a);
      const ratio = (high + 0.05) / (low + 0.05);
      const px = parseFloat(style.fontSize);
      const large = px >= 24 || (px >= 18.66 && Number(style.fontWeight) >= 600);
      if (ratio < (large ? 3 : 4.5)) bad.push(`${words.slice(0, 40)}: ${ratio.toFixed(2)} in ${node.className}`);
    }
    return bad;
  },

  // How much wider the page is than its window.
  beyond() {
    return document.documentElement.scrollWidth - document.documentElement.clientWidth;
  },

  // The part of the console that has the focus.
  place() {
    const at = document.activeElement;
    if (at.className === "skip") return "skip";
    return at.closest("#top, #who, #till, #floor, #feed, #why")?.id ?? "";
  },

  // True if whoever uses the keyboard can see where they are.
  ringed() {
    const at = document.activeElement;
    const drawn = at.closest(".switch")?.querySelector("i") ?? at.closest(".pick") ?? at;
    const style = getComputedStyle(drawn);
    return style.boxShadow !== "none" || style.outlineStyle !== "none";
  },

  // Controls that a reader could not name.
  unnamed() {
    return [...document.querySelectorAll("button, a, input, select")]
      .filter((node) => node.checkVisibility())
      .filter((node) => !node.textContent.trim() && !node.getAttribute("aria-label") && !node.labels?.length)
      .map((node) => node.outerHTML);
  },

  // Things to touch that are lower than `least` pixels.
  small(least, selector) {
    return [...document.querySelectorAll(selector)]
      .filter((node) => node.checkVisibility())
      .map((node) => [node.textContent || node.className, node.getBoundingClientRect()])
      .filter(([, box]) => box.width && box.height < least)
      .map(([name, box]) => `${name}: ${box.height}`);
  },

  // Parts that would still move although the person asked for calm.
  moving() {
    return [".dot", ".halo", ".fill", ".zone", "#feed li", ".mini-offer"].filter((selector) => {
      const node = document.querySelector(selector);
      if (!node) return false;
      const style = getComputedStyle(node);
      const animated = style.animationName === "none" ? "" : style.animationDuration;
      return /[1-9]/.test(style.transitionDuration + animated);
    });
  },
})
