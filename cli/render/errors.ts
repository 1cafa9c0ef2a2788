import type { ErrorBody } from "../../core/api/answers.ts";
import { printableJson } from "../../core/api/name.ts";
import type { Style } from "./style.ts";

/**
 * `error: … (CODE)`, below it the message's other lines and what to do next; for scripts the same
 * as JSON, on one line.
 */
export const errorText = (body: ErrorBody, options: { readonly json: boolean; readonly style: Style }): string => {
  const { code, message, hint } = body.error;
  if (options.json) return printableJson(JSON.stringify(body));
  const [first, ...more] = message.split("\n");
  const head = [`${options.style.bad("error:")} ${first} (${code})`, ...more].join("\n");
  return hint === undefined ? head : `${head}\n  ${options.style.warn("hint:")} ${hint.replaceAll("\n", "\n        ")}`;
};

/** Something that a person should know and that stops nothing. */
export const warningText = (message: string, options: { readonly json: boolean; readonly style: Style }): string =>
  options.json
    ? printableJson(JSON.stringify({ warning: { message } }))
    : `${options.style.warn("warning:")} ${message}`;
