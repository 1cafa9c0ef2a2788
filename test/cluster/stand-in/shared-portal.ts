import { TgtPortal } from "./portal.ts";

/** Longer than a test takes to open the next cluster. */
const lingerMs = 500;

let portal: Promise<TgtPortal> | undefined;
let users = 0;
let ending: NodeJS.Timeout | undefined;

/** The portal that the clusters of a process share: to start one takes longer than all else. */
export const sharePortal = (): Promise<TgtPortal> => {
  users += 1;
  clearTimeout(ending);
  portal ??= TgtPortal.start({ sharesReservations: true });
  return portal;
};

/** It ends when nobody has used it for a moment. */
export const unsharePortal = (): void => {
  users -= 1;
  if (users > 0) return;
  ending = setTimeout(() => {
    const unused = portal;
    portal = undefined;
    void unused?.then((it) => it.stop());
  }, lingerMs);
};
