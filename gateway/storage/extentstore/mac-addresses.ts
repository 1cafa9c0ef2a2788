import { randomBytes } from "node:crypto";
import type { Database } from "./database.ts";

/** Whether a VM that can run has a NIC with the address: mirrors can't. */
const isTaken = (database: Database, macAddress: string): boolean =>
  database.one("SELECT 1 FROM vmNics JOIN vms ON id = vmId WHERE macAddress = ? AND role <> 'mirror'", macAddress) !==
  undefined;

/** `wanted` where no VM has it, else one that is made up, in the range that KVM's are from. Inside a transaction. */
export const freeMacAddress = (database: Database, wanted: string): string => {
  let macAddress = wanted;
  while (isTaken(database, macAddress)) {
    macAddress = ["52", "54", "00", ...(randomBytes(3).toString("hex").match(/../g) ?? [])].join(":");
  }
  return macAddress;
};
