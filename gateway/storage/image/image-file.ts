import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { VisibleError } from "../../../core/api/errors.ts";
import { type Container, inspectContainer } from "./container.ts";
import { formatByEnding } from "./ending.ts";
import { type Image, oddSize } from "./image.ts";
import { convert, requireQemuImg } from "./qemu-img.ts";
import { RawFile } from "./raw-file.ts";
import { rawAllTheSame, unreadable, unsupported } from "./refusals.ts";
import { makeScratch } from "./scratch.ts";

/**
 * Opens an image to be read as raw bytes. A container (qcow2, VMDK, …) is checked, and converted
 * into a temporary raw file first (sparse, in the system's folder for temporary files), which is
 * gone with `close`. With `format` raw the file is taken for a raw disk whatever it looks like.
 * @throws IMAGE_UNREADABLE, IMAGE_UNSUPPORTED, TOOL_MISSING (no qemu-img to convert with), the
 *   signal's reason
 */
export const openImage = async (
  file: string,
  {
    format,
    signal,
    anyLength = false,
  }: {
    readonly format?: "raw" | undefined;
    readonly signal: AbortSignal;
    /** A raw one need not have whole sectors. */
    readonly anyLength?: boolean | undefined;
  },
): Promise<Image> => {
  const raw = await RawFile.open(file);
  // Everything that the image is read from; qemu-img opens these by their names.
  const files = [raw];
  try {
    const signature = format === "raw" ? undefined : await raw.signature();
    if (signature?.kind === "refused") throw unsupported(`“${file}”`, signature.name, signature.advice);
    if (signature === undefined) {
      if (format !== "raw") refuseMisnamed(file);
      return await rawImage(raw, { signal, anyLength });
    }
    const open = async (part: string) => {
      const opened = await RawFile.open(part);
      files.push(opened);
      return opened;
    };
    const converted = await convertedImage({ file, ...signature }, { signal, open });
    return {
      ...converted,
      finish: async () => {
        for (const part of files) {
          await part.refuseChanged();
          await part.refuseReplaced();
        }
      },
      close: async () => {
        await converted.close();
        await closeAll(files);
      },
    };
  } catch (error) {
    await closeAll(files);
    throw error;
  }
};

/** @throws IMAGE_UNREADABLE for a file without a signature whose name promises one */
const refuseMisnamed = (file: string): void => {
  const promised = formatByEnding(file);
  if (promised === undefined) return;
  const part = extname(file).toLowerCase() === ".vmdk" ? "Of a disk in several files import the small .vmdk. " : "";
  throw unreadable(`“${file}” is ${promised} by its name, and nothing in it says so: it may have been cut short.`, {
    hint: `Compare its size with where it comes from. ${part}${rawAllTheSame}`,
  });
};

const closeAll = async (files: readonly RawFile[]): Promise<void> => {
  for (const file of files) await file.close();
};

/** @throws IMAGE_UNREADABLE; then the file is the caller's to close */
const rawImage = async (
  raw: RawFile,
  { signal, anyLength = false }: { readonly signal: AbortSignal; readonly anyLength?: boolean },
): Promise<Image> => {
  const odd = oddSize(raw.sizeBytes, { anyLength });
  if (odd !== undefined) {
    throw unreadable(`“${raw.file}” ${odd}.`, {
      hint: "It may have been cut short, or it is no raw image; see: qemu-img info",
    });
  }
  return {
    sizeBytes: raw.sizeBytes,
    data: await raw.dataRanges(signal),
    read: (offset, into) => raw.read(offset, into),
    finish: () => raw.refuseChanged(),
    close: () => raw.close(),
  };
};

const convertedImage = async (
  container: Container,
  { signal, open }: { readonly signal: AbortSignal; readonly open: (part: string) => Promise<RawFile> },
): Promise<Image> => {
  const { file, name } = container;
  await requireQemuImgFor(container, signal);
  const sizeBytes = await inspectContainer(container, { signal, open });
  const scratch = await makeScratch(join(tmpdir(), "smtx-backup-import-"));
  try {
    const to = { file: join(scratch.folder, "raw"), format: "raw" };
    const complaint = await convert({ from: container, to, signal, sizeBytes });
    if (complaint !== undefined) {
      throw unreadable(`qemu-img cannot convert “${file}”, ${name}: ${complaint}`, {
        hint: `Look at it with: qemu-img check ${file}. The raw copy needs room in ${tmpdir()}; TMPDIR names another folder.`,
      });
    }
    const raw = await RawFile.open(to.file);
    try {
      return await rawImage(raw, { signal });
    } catch (error) {
      await raw.close();
      throw error;
    }
  } finally {
    // The file lives on until it is closed, and goes with a process that is killed.
    await scratch.remove();
  }
};

/** @throws TOOL_MISSING, that says what the file is taken for */
const requireQemuImgFor = async ({ file, name }: Container, signal: AbortSignal): Promise<void> => {
  try {
    await requireQemuImg(signal);
  } catch (error) {
    if (!VisibleError.is(error, "TOOL_MISSING")) throw error;
    const hint = `${error.hint} ${rawAllTheSame}`;
    throw new VisibleError("TOOL_MISSING", `“${file}” is ${name}. ${error.message}`, { hint, cause: error });
  }
};
