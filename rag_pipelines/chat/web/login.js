/* Logging in with a key, where the service asks for one. The key itself is not kept here. */

import { call, read } from "./api.js";
import { element } from "./dom.js";

const REVOKED = "The key that you logged in with is not valid any more: it was revoked. "
  + "Enter another, or ask whoever runs this service for one.";

function show({ user, keys, logged_in, revoked }) {
  const outside = keys && !logged_in;
  element("login").hidden = !outside;
  element("app").hidden = outside;
  element("who").hidden = !keys || outside;
  element("user").textContent = user ?? "";
  if (outside && revoked) element("login-error").textContent = REVOKED;
  if (outside) element("key").focus();
  return !outside;
}

/* True where this browser may ask; shows the form where not. */
export async function admitted() {
  return show(await read("/api/me"));
}

/* `entered` is called after each login. */
export function loginForm(entered) {
  element("login").addEventListener("submit", async (event) => {
    event.preventDefault();
    const said = element("login-error");
    said.textContent = "";
    try {
      await call("POST", "/api/login", { key: element("key").value.trim() });
      element("key").value = "";
      if (await admitted()) entered();
    } catch (failure) {
      said.textContent = failure.message;
    }
  });
  element("logout").addEventListener("click", async () => {
    await call("POST", "/api/logout");
    location.assign("/");
  });
  document.addEventListener("key-required", admitted);
}
