import { randomBytes } from "node:crypto";
import type { Database } from "../database/database.ts";

/* Everything here runs inside the caller's transaction. */

/** The name of a VM that can run and has a NIC with the address; mirrors can't. */
export const vmWithMacAddress = (database: Database, macAddress: string): string | undefined =>
  database.one<{ name: string }>(
    "SELECT name FROM vmNics JOIN vms ON id = vmId WHERE macAddress = ? AND role <> 'mirror' LIMIT 1",
    macAddress,
  )?.name;

/** One that no VM has, made up, in the range that KVM's are from. */
export const newMacAddress = (database: Database): string => {
  for (;;) {
    const macAddress = ["52", "54", "00", ...(randomBytes(3).toString("hex").match(/../g) ?? [])].join(":");
    if (vmWithMacAddress(database, macAddress) === undefined) return macAddress;
  }
};
