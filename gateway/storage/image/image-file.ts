import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VisibleError } from "../../../core/api/errors.ts";
import { convert } from "./qemu-img.ts";

/** An image as raw bytes. */
export interface ImageFile {
  readonly sizeBytes: number;
  /** Fills `into` from `offset`. @throws IMAGE_UNREADABLE, also when the file has become shorter */
  read(offset: number, into: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

const sectorBytes = 512;

/** What files of other formats begin with. A disk's first sector is code or zeros, and never looks like this. */
const magics = [
  { format: "qcow2", magic: "QFI\xfb" },
  { format: "vmdk", magic: "KDMV" },
  { format: "vhdx", magic: "vhdxfile" },
] as const;

/**
 * Opens an image to be read as raw bytes. One of another format is converted into a temporary raw file first (sparse, in
 * the system's folder for temporary files), which `close` removes.
 * @throws IMAGE_UNREADABLE, TOOL_MISSING (no qemu-img to convert with), the signal's reason
 */
export const openImage = async (file: string, signal: AbortSignal): Promise<ImageFile> => {
  const image = await openRaw(file);
  let format: string | undefined;
  try {
    format = await formatOf(image);
    if (format === undefined) {
      refuseOddSize(file, image.sizeBytes);
      return image;
    }
  } catch (error) {
    await image.close();
    throw error;
  }
  await image.close();
  return openConverted(file, format, signal);
};

const openConverted = async (file: string, format: string, signal: AbortSignal): Promise<ImageFile> => {
  const folder = await mkdtemp(join(tmpdir(), "smtx-backup-import-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const raw = join(folder, "raw");
    const complaint = await convert({ from: { file, format }, to: { file: raw, format: "raw" }, signal });
    if (complaint !== undefined) {
      throw unreadable(`qemu-img cannot convert “${file}” (${format}): ${complaint}`, {
        hint: `Look at it with: qemu-img check ${file}. The raw copy needs room in ${tmpdir()}; TMPDIR names another folder.`,
      });
    }
    const image = await openRaw(raw);
    return {
      ...image,
      close: async () => {
        await image.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
};

const openRaw = async (file: string): Promise<ImageFile> => {
  const handle = await readable(file, open(file, "r"));
  try {
    const stat = await readable(file, handle.stat());
    if (!stat.isFile()) throw unreadable(`“${file}” is no ordinary file.`);
    return {
      sizeBytes: stat.size,
      read: (offset, into) => readFully(file, handle, offset, into),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
};

const readFully = async (file: string, handle: FileHandle, offset: number, into: Uint8Array): Promise<void> => {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await readable(file, handle.read(into, done, into.length - done, offset + done));
    if (bytesRead === 0) throw unreadable(`“${file}” ends at byte ${offset + done}: it was cut while it was read.`);
    done += bytesRead;
  }
};

const formatOf = async (image: ImageFile): Promise<string | undefined> => {
  const start = Buffer.alloc(Math.min(8, image.sizeBytes));
  await image.read(0, start);
  return magics.find(({ magic }) => start.toString("latin1").startsWith(magic))?.format;
};

const refuseOddSize = (file: string, sizeBytes: number): void => {
  if (sizeBytes > 0 && sizeBytes % sectorBytes === 0) return;
  throw unreadable(`“${file}” has ${sizeBytes} bytes, and a disk has whole sectors of ${sectorBytes}.`, {
    hint: "It may have been cut short, or it is no raw image; see: qemu-img info",
  });
};

const readable = async <T>(file: string, operation: Promise<T>): Promise<T> => {
  try {
    return await operation;
  } catch (error) {
    throw unreadable(`“${file}” cannot be read: ${error instanceof Error ? error.message : error}.`, {
      hint: "Look whether the path is right, and whether this user may read it.",
      cause: error,
    });
  }
};

const unreadable = (message: string, options: { hint?: string; cause?: unknown } = {}): VisibleError =>
  new VisibleError("IMAGE_UNREADABLE", message, options);
