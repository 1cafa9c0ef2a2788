import { VisibleError } from "../../../../core/api/errors.ts";
import type { VirtualSwitch } from "../../../../core/api/facilities.ts";
import type { Database } from "../database/database.ts";

/* Everything here runs inside the caller's transaction. */

interface SwitchRow {
  readonly name: string;
  /** JSON. */
  readonly vlans: string;
}

const switchOf = ({ name, vlans }: SwitchRow): VirtualSwitch => ({
  name,
  vlans: JSON.parse(vlans) as VirtualSwitch["vlans"],
});

export const listSwitches = (database: Database): VirtualSwitch[] =>
  database.all<SwitchRow>("SELECT * FROM switches ORDER BY name").map(switchOf);

/** @throws SWITCH_UNKNOWN */
export const findSwitch = (database: Database, name: string): VirtualSwitch => {
  const row = database.one<SwitchRow>("SELECT * FROM switches WHERE name = ?", name);
  if (row !== undefined) return switchOf(row);
  const names = listSwitches(database).map((other) => `“${other.name}”`);
  throw new VisibleError("SWITCH_UNKNOWN", `There is no virtual switch “${name}” here.`, {
    hint: names.length === 0 ? "There is none at all." : `There are: ${names.join(", ")}.`,
  });
};
