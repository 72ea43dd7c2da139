/* Signing in, with the second factor where there is one, and registering as a patient. */

import { register, signIn } from "./api.js";
import { field, form, h } from "./dom.js";

const email = () => h("input", { name: "email", type: "email", autocomplete: "username", required: true, maxlength: 255 });

function filled(said) {
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== ""));
}

export function signingIn(enter) {
  const code = h("input", {
    name: "code", autocomplete: "one-time-code", maxlength: 16, pattern: "[0-9a-fA-F]{6,16}", spellcheck: "false",
  });
  const second = field("Code of your second factor", code, "Six digits from your app, or a recovery code.");
  second.hidden = true;
  const send = async (said) => {
    try {
      await signIn(filled(said));
    } catch (error) {
      if (error.kind !== "second-factor") throw error;
      second.hidden = false;
      code.required = true;
      code.focus();
      return;
    }
    await enter();
  };
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true, maxlength: 128 });
  const made = form({ class: "card narrow" }, send,
    field("Email", email()), field("Password", password), second,
    h("div", { class: "actions" }, h("button", { type: "submit", class: "main" }, "Sign in")));
  const other = h("p", {}, "New here? ", h("a", { href: "#/register" }, "Register as a patient"));
  return [made, other];
}

export function registering(enter) {
  const send = async (said) => {
    await register(filled(said));
    await signIn({ email: said.email, password: said.password });
    await enter();
  };
  const input = (name, autocomplete, more) => h("input", { name, autocomplete, maxlength: 100, ...more });
  const made = form({ class: "card narrow" }, send,
    field("First name", input("first_name", "given-name", { required: true })),
    field("Last name", input("last_name", "family-name", { required: true })),
    field("Email", email()),
    field("Password", input("password", "new-password", { type: "password", required: true, minlength: 12, maxlength: 128 }), "At least 12 characters."),
    field("Date of birth (optional)", input("date_of_birth", "bday", { type: "date" })),
    field("Phone (optional)", input("phone", "tel", { type: "tel", maxlength: 60, pattern: "[0-9+\\(\\) .\\/x\\-]*" })),
    h("div", { class: "actions" }, h("button", { type: "submit", class: "main" }, "Register")));
  return [made, h("p", {}, "Known here? ", h("a", { href: "#/" }, "Sign in"))];
}
