import { access, constants, statfs } from "node:fs/promises";
import { VisibleError } from "../../core/api/errors.ts";
import type { Facilities } from "../../core/api/facilities.ts";
import { shownName } from "../../core/api/name.ts";
import { firstThere } from "../files/first-there.ts";
import type { ExtentstoreConfig } from "../storage/config.ts";
import { openStorage } from "../storage/open.ts";

const gib = 1024 ** 3;
/** With less, the first backup would fill it. */
const freeBytesMin = gib;
/** Of pools, and of switches. */
const namesShownMax = 5;

/** That the storage can be opened, or made, and has room. */
export const checkStorage = async (config: ExtentstoreConfig): Promise<string> => {
  const there = await firstThere(config.dir);
  await access(there, constants.W_OK).catch((cause: unknown) => {
    throw new VisibleError("BAD_REQUEST", `This user may not write to ${there}.`, {
      hint: "Give the folder to the user that the gateway runs as.",
      cause,
    });
  });
  const { bavail, bsize } = await statfs(there);
  const freeBytes = bavail * bsize;
  if (freeBytes < freeBytesMin) {
    throw new VisibleError("STORE_FULL", `Only ${(freeBytes / gib).toFixed(1)} GiB are free in ${there}.`, {
      hint: "Make room, or put the storage on another disk.",
    });
  }
  const room = `${Math.floor(freeBytes / gib)} GiB free`;
  if (there !== config.dir) return `${config.kind}, to be made in ${config.dir}, ${room}`;
  return contentOf(config, room);
};

/** `extentstore, 3 objects, 12 GiB free; protects lun, vm` */
const contentOf = async (config: ExtentstoreConfig, ...about: readonly string[]): Promise<string> => {
  const storage = await openStorage(config);
  try {
    const [objects, facilities] = [await storage.inventory(), await storage.facilities()];
    return `${[storage.kind, `${objects.length} objects`, ...about].join(", ")}; ${facilitiesText(facilities)}`;
  } finally {
    await storage.close();
  }
};

/** `protects lun, vm; pools default, fast; switches prod` */
const facilitiesText = ({ kinds, pools, switches }: Facilities): string => {
  const listed = (what: string, names: readonly string[]): string[] => {
    const [shown, more] = [names.slice(0, namesShownMax), names.length - namesShownMax];
    return names.length === 0 ? [] : [`${what} ${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`];
  };
  const namesOf = (named: readonly { readonly name: string }[]) => named.map(({ name }) => shownName(name)).sort();
  return [
    ...listed("protects", kinds),
    ...listed("pools", namesOf(pools)),
    ...listed("switches", namesOf(switches)),
  ].join("; ");
};
