// The store's HTTP door. A refusal is thrown with the sentence that the store sent.

export class Refused extends Error {
  constructor(problem, status, retryAfterS) {
    super(problem.detail ?? "The store did not say why.");
    this.code = problem.code ?? "unknown";
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

export class OutOfReach extends Error {
  constructor() {
    super("The store engine does not answer.");
    this.code = "out_of_reach";
  }
}

export const WAIT_MS = 8_000;

async function ask(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(WAIT_MS),
    });
  } catch {
    throw new OutOfReach();
  }
  const said = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(said, response.status, Number(response.headers.get("Retry-After") ?? 0));
  return said;
}

export const get = (path) => ask("GET", path);
export const post = (path, body) => ask("POST", path, body);
export const put = (path, body) => ask("PUT", path, body);

// One operation, one id, made once and sent again unchanged on a retry.
export function operation(what) {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return `${what}-${Date.now().toString(36)}-${Array.from(bytes, (b) => b.toString(36).padStart(2, "0")).join("")}`;
}

export const path = (...parts) => parts.map(encodeURIComponent).join("/");
