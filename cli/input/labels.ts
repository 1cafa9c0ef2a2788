import { VisibleError } from "../../core/api/errors.ts";
import { shownName } from "../../core/api/name.ts";
import { textCharactersMax } from "../../core/api/object/common.ts";

/**
 * Labels on a command line: `env=prod` sets one, `env=` one without a value, `env-`
 * takes it away (null).
 * @throws VisibleError BAD_REQUEST
 */
export const labelChanges = (written: readonly string[]): Readonly<Record<string, string | null>> => {
  const changes = new Map<string, string | null>();
  for (const text of written) {
    const [key, value] = labelChange(text);
    if (changes.has(key)) throw wrong(text, "its label is there twice");
    changes.set(key, value);
  }
  return Object.fromEntries(changes);
};

const labelChange = (text: string): readonly [key: string, value: string | null] => {
  const at = text.indexOf("=");
  if (at < 0 && !text.endsWith("-")) throw wrong(text, "it is not said whether it is set or taken away");
  const [key, value] = at < 0 ? [text.slice(0, -1), null] : [text.slice(0, at), text.slice(at + 1)];
  if (key === "") throw wrong(text, "it has no key");
  if (Math.max(key.length, value?.length ?? 0) > textCharactersMax) {
    throw wrong(text, `a key or a value has ${textCharactersMax} characters at most`);
  }
  return [key, value];
};

const wrong = (text: string, why: string) =>
  new VisibleError("BAD_REQUEST", `“${shownName(text)}” is no change of a label: ${why}.`, {
    hint: "Write env=prod to set one, env= for one without a value, and env- to take it away.",
  });
