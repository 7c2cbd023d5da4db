/* Calls to the service, and its errors as it tells them. */

export class Refused extends Error {
  constructor(message, type = "unreachable", status = 0) {
    super(message);
    this.type = type;
    this.status = status;
  }
}

const UNREACHABLE = "The service cannot be reached. Is it running?";

/* The response where the service agrees; a `Refused` where it does not or is not there. */
export async function call(method, path, body, signal) {
  const sent = body === undefined ? {} : {
    headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  const response = await fetch(path, { method, signal, ...sent }).catch((failure) => {
    throw failure.name === "AbortError" ? failure : new Refused(UNREACHABLE);
  });
  if (response.ok) return response;
  const { error = {} } = await response.json().catch(() => ({}));
  if (error.type === "key_required") document.dispatchEvent(new Event("key-required"));
  const message = error.message || `The service answered with ${response.status}.`;
  throw new Refused(message, error.type, response.status);
}

export const read = async (path) => (await call("GET", path)).json();
