import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** The files below a folder that have one of some texts in them, also as it stands in JSON. */
export const filesWith = async (folder: string, texts: readonly string[]): Promise<readonly string[]> => {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    // A file of an emulator's may go while it is looked at.
    const content = await readFile(file).catch(() => Buffer.alloc(0));
    if (texts.some((text) => content.includes(text))) found.push(file);
  }
  return found;
};
