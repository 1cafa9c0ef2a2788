import { VisibleError } from "../../core/api/errors.ts";
import { shownName } from "../../core/api/name.ts";
import type { SwitchMap } from "../../core/api/site.ts";

/**
 * A mapping with changes that a command line gives: `prod=dr-prod` maps one, `prod=-` takes it
 * away, and so does `prod-` where no switch is called that.
 * @throws VisibleError BAD_REQUEST
 */
export const changedSwitches = (before: SwitchMap, pairs: readonly string[]): SwitchMap => {
  const switches = new Map(Object.entries(before));
  const seen = new Set<string>();
  for (const pair of pairs) {
    const [from, to] = switchPair(pair);
    if (seen.has(from)) throw wrong(pair, "its switch is there twice");
    seen.add(from);
    if (to !== undefined) switches.set(from, to);
    else if (!switches.delete(from)) throw wrong(pair, `“${shownName(from)}” is not mapped`);
  }
  return Object.fromEntries(switches);
};

const switchPair = (pair: string): readonly [from: string, to: string | undefined] => {
  const at = pair.indexOf("=");
  if (at < 0 && !pair.endsWith("-")) throw wrong(pair, "it is not said what takes the switch's place");
  const [from, to] = at < 0 ? [pair.slice(0, -1), "-"] : [pair.slice(0, at), pair.slice(at + 1)];
  if (from === "" || to === "") throw wrong(pair, "a switch has a name");
  return [from, to === "-" ? undefined : to];
};

const wrong = (pair: string, why: string) =>
  new VisibleError("BAD_REQUEST", `“${shownName(pair)}” maps no switch: ${why}.`, {
    hint: "Write prod=dr-prod to let the target's dr-prod take the place of prod, and prod=- to take that away.",
  });
