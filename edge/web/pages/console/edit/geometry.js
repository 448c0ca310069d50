// Points on the floor, in metres: rounding, snapping, boxes, borders.

export const STEP_M = 0.1; // what is drawn by hand stands on this grid
export const FAR_STEP_M = 1;

export const tidy = (metres) => Math.round(metres * 1000) / 1000;
export const onGrid = (metres) => tidy(Math.round(metres / STEP_M) * STEP_M);
export const metres = (value) => String(Math.round(value * 100) / 100);

export function bounds(points) {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const [x, y, right, bottom] = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  return { x, y, right, bottom, w: tidy(right - x), h: tidy(bottom - y) };
}

export function middle(points) {
  const { x, y, right, bottom } = bounds(points);
  return [(x + right) / 2, (y + bottom) / 2];
}

export function area(points) {
  let twice = 0;
  points.forEach(([x, y], n) => {
    const [nx, ny] = points[(n + 1) % points.length];
    twice += x * ny - nx * y;
  });
  return Math.abs(twice) / 2;
}

export function length(points) {
  return points.slice(1).reduce((sum, point, n) => sum + apart(point, points[n]), 0);
}

export const apart = ([ax, ay], [bx, by]) => Math.hypot(ax - bx, ay - by);
export const shifted = (points, dx, dy) => points.map(([x, y]) => [tidy(x + dx), tidy(y + dy)]);
export const isClosed = (points) => points.length > 3 && points[0][0] === points.at(-1)[0] && points[0][1] === points.at(-1)[1];

export function boxOf([ax, ay], [bx, by]) {
  const [x, y, right, bottom] = [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
  return [[x, y], [right, y], [right, bottom], [x, bottom]];
}

// Even-odd rule: a ray to the right crosses the border an odd number of times.
export function inside(points, [x, y]) {
  let odd = false;
  points.forEach(([ax, ay], n) => {
    const [bx, by] = points[(n + 1) % points.length];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
  });
  return odd;
}

// Whether two sides of a border that are no neighbours meet.
export function crosses(points) {
  const count = points.length;
  for (let one = 0; one < count; one += 1) {
    for (let other = one + 2; other < count; other += 1) {
      if (one === 0 && other === count - 1) continue;
      if (meet(points[one], points[(one + 1) % count], points[other], points[(other + 1) % count])) return true;
    }
  }
  return false;
}

function meet(a, b, c, d) {
  const side = ([px, py], [qx, qy], [rx, ry]) => Math.sign((qx - px) * (ry - py) - (qy - py) * (rx - px));
  return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
}

// The nearest of `anchors` within `reach`, else the point on the grid. `caught` says which it was.
export function snapped(point, anchors, reach) {
  const near = nearest(point, anchors);
  if (near && near.far <= reach) return { at: near.anchor, caught: true };
  return { at: point.map(onGrid), caught: false };
}

// How far a whole shape goes so that it lies on the grid, or with one corner on another's.
export function snappedShift(points, [dx, dy], anchors, reach) {
  let best = null;
  for (const [x, y] of points) {
    const near = nearest([x + dx, y + dy], anchors);
    if (near && near.far <= reach && (!best || near.far < best.far)) best = { ...near, from: [x, y] };
  }
  if (best) return { by: [tidy(best.anchor[0] - best.from[0]), tidy(best.anchor[1] - best.from[1])], caught: best.anchor };
  return { by: [onGrid(dx), onGrid(dy)], caught: null };
}

function nearest(point, anchors) {
  let best = null;
  for (const anchor of anchors) {
    const far = apart(point, anchor);
    if (!best || far < best.far) best = { anchor, far };
  }
  return best;
}
