import type { Lun } from "../../../iscsi/lun/lun.ts";
import type { StorageCall } from "../../call.ts";
import { abilitiesOf, noteAbilities, today } from "../abilities/abilities.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { Holes } from "./holes.ts";

/** The clone of a snapshot. */
export interface OpenClone {
  readonly lun: Lun;
  /** Undefined: all is read. */
  readonly holes: Holes | undefined;
}

/**
 * A clone with the holes that may be believed: of a cluster whose clones were seen to tell them.
 */
export const withHoles = async (ledger: Ledger, lun: Lun, call?: StorageCall): Promise<OpenClone> => {
  const { tellsHoles } = await ledger.read(abilitiesOf, call);
  const onLie = () =>
    ledger.change((database) => noteAbilities(database, { answers: { tellsHoles: "no" }, day: today() }));
  return { lun, holes: tellsHoles.answer === "yes" ? new Holes({ lun, onLie }) : undefined };
};
