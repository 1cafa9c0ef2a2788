import { VisibleError } from "../../../core/api/errors.ts";
import { IscsiProtocolError } from "../pdu/protocol-error.ts";
import type { IscsiPortal } from "../portal.ts";

/** What a login came to, from the two bytes of its answer (RFC 7143, 11.13.5). */
export type LoginStatus = "goesOn" | "redirected" | VisibleError;

/** @param targetName undefined for discovery */
export const loginStatus = (status: number, targetName: string | undefined, portal: IscsiPortal): LoginStatus => {
  const where = `${portal.host}:${portal.port}`;
  const whom = targetName === undefined ? `The portal ${where}` : `The target ${targetName} at ${where}`;
  switch (status) {
    case 0x0000:
      return "goesOn";
    case 0x0101:
    case 0x0102:
      return "redirected";
    case 0x0201:
      return new VisibleError("CLUSTER_REFUSED", `${whom} refused our CHAP name or secret.`, {
        hint: "Compare CHAP name and secret with those of the site's other gateways: our targets are made with them. CloudTower shows the name at the target.",
      });
    case 0x0202:
      return new VisibleError("CLUSTER_REFUSED", `${whom} does not admit our initiator name.`, {
        hint: "Put the gateway's initiator name on the target's whitelist.",
      });
    case 0x0203:
    case 0x0204:
      return new VisibleError("VOLUME_UNKNOWN", `${whom} is not there, or not for us.`);
    case 0x0206:
      return new VisibleError("CLUSTER_BUSY", `${whom} takes no more sessions.`);
  }
  const told = `${whom} refused the login with 0x${status.toString(16).padStart(4, "0")}.`;
  if (status >> 8 === 2) return new VisibleError("CLUSTER_REFUSED", told, { hint: "Look into the cluster's own log." });
  if (status >> 8 === 3) return new VisibleError("CLUSTER_BUSY", told, { hint: "Try again later." });
  throw new IscsiProtocolError(`a login status that is none: ${status}`);
};
