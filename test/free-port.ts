import { freePort as freePortOf } from "../infra/local/emulators/port.ts";

/** A port of loopback that nobody has at the moment. */
export const freePort = (): Promise<number> => freePortOf(0);
