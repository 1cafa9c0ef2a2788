import { extname } from "node:path";

const vhd = "a VHD image";
const vhdx = "a VHDX image";
const vmdk = "a VMDK image";
const parallels = "a Parallels image";

const named: ReadonlyMap<string, string> = new Map([
  [".vhd", vhd],
  [".avhd", vhd],
  [".vpc", vhd],
  [".vhdx", vhdx],
  [".avhdx", vhdx],
  [".vmdk", vmdk],
  [".vdi", "a VDI image"],
  [".qcow", "a qcow image"],
  [".qcow2", "a qcow2 image"],
  [".qed", "a QED image"],
  [".hdd", parallels],
  [".hds", parallels],
  [".dmg", "a DMG image"],
]);

/**
 * What a file is by the ending of its name, with its article; undefined for endings that a raw disk
 * may have. Some formats are told by their last bytes only (a fixed VHD, a DMG): one that was cut
 * short looks like a raw disk, but for its name.
 */
export const formatByEnding = (file: string): string | undefined => named.get(extname(file).toLowerCase());
