import { VisibleError } from "../../core/api/errors.ts";
import type { IscsiPortal } from "./portal.ts";

/** @param name of what can't be reached, for people. @param lost what the last try came to */
export const unreachable = (name: string, portals: readonly IscsiPortal[], lost: Error | undefined): VisibleError => {
  const where = portals.map(({ host, port }) => `${host}:${port}`).join(", ") || "no portal";
  return new VisibleError(
    "CLUSTER_UNREACHABLE",
    `${name} can't be reached at ${where}${lost === undefined ? "" : `: ${lost.message}`}.`,
    { cause: lost, hint: "See whether the cluster's iSCSI portal runs, and whether a firewall lets us there." },
  );
};
