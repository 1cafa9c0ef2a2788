import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import * as z from "zod";
import { jsonIn } from "../../../core/api/json.ts";
import { named, type QemuImage, type QemuImgOptions, qemuImg } from "./qemu-img.ts";
import type { RawFile } from "./raw-file.ts";
import { readable, unreadable, unsupported } from "./refusals.ts";
import { type ContainerFormat, mergeFirst } from "./signature.ts";
import { sparseExtentEnd } from "./vmdk-extent.ts";

/** An image in a format that qemu-img reads. */
export interface Container extends QemuImage {
  readonly format: ContainerFormat;
  /** For people, with its article. */
  readonly name: string;
}

/** What `qemu-img info` says may be as long as this. */
const infoCharsMax = 1024 * 1024;

const infoSchema = z.looseObject({
  "virtual-size": z.int().positive(),
  "format-specific": z
    .looseObject({
      data: z.looseObject({
        "create-type": z.string().optional(),
        extents: z
          .array(z.looseObject({ filename: z.string(), format: z.string(), "virtual-size": z.number() }))
          .optional(),
      }),
    })
    .optional(),
});
type Info = z.infer<typeof infoSchema>;

interface Inspecting {
  readonly signal: AbortSignal;
  /** Opens a file beside the image that holds data of it; it is closed by whoever gave this. */
  readonly open: (file: string) => Promise<RawFile>;
}

/**
 * Looks at an image before anything is read of it: that it is all of a disk, and whole.
 * @returns the size of the disk inside, in bytes
 * @throws IMAGE_UNSUPPORTED (it builds on another image, or is encrypted), IMAGE_UNREADABLE
 *   (damaged, or cut), TOOL_MISSING, the signal's reason
 */
export const inspectContainer = async (container: Container, { signal, open }: Inspecting): Promise<number> => {
  const info = await infoOf(container, signal);
  refuseParts(container, info);
  const { size: sizeBytes } = await readable(container.file, stat(container.file));
  const options = { signal, sizeBytes };
  await refuseDamaged(container, options);
  if (isInSeveralFiles(info)) await refuseBadExtents(container, info, open);
  else await refuseCut(container, options);
  return info["virtual-size"];
};

const infoOf = async (container: Container, signal: AbortSignal): Promise<Info> => {
  let text = "";
  const { code, complaint } = await qemuImg(["info", "--output=json", named(container)], {
    signal,
    onLine: (line) => {
      if (text.length < infoCharsMax) text += line;
    },
  });
  if (code !== 0) throw unreadableContainer(container, complaint);
  const parsed = infoSchema.safeParse(jsonIn(text));
  if (parsed.success) return parsed.data;
  throw unreadableContainer(container, "it says of it what nobody understands");
};

/**
 * Backing files, files that hold the data, and encryption, of the image and of whatever is inside.
 */
const refuseParts = (container: Pick<Container, "file" | "name">, info: unknown): void => {
  const { file, name } = container;
  if (typeof info !== "object" || info === null) return;
  for (const [key, value] of Object.entries(info)) {
    if (key === "backing-filename") {
      throw unsupported(`“${file}”`, `${name} that holds only what differs from another file, ${value}`, mergeFirst);
    }
    if (key === "data-file") {
      throw unsupported(
        `“${file}”`,
        `${name} whose data is in another file, ${value}`,
        "Bring both into one: qemu-img convert -O raw FILE disk.img",
      );
    }
    if (key === "encrypted" && value === true) {
      throw unsupported(
        `“${file}”`,
        `${name} that is encrypted`,
        "Decrypt it with qemu-img convert, or import it as raw.",
      );
    }
    refuseParts(container, value);
  }
};

const checkFoundLeaks = 3;
const checkUnsupported = 63;

/**
 * Space that is lost inside (leaks) does no harm; and where a format has no check, what can be told
 * is told by `refuseCut`.
 */
const refuseDamaged = async (container: Container, options: QemuImgOptions): Promise<void> => {
  let text = "";
  const { code, complaint } = await qemuImg(["check", "--output=json", named(container)], {
    ...options,
    onLine: (line) => {
      if (text.length < infoCharsMax) text += line;
    },
  });
  if (code === 0 || code === checkFoundLeaks || code === checkUnsupported) return;
  const found = z.looseObject({ corruptions: z.number() }).safeParse(jsonIn(text)).data?.corruptions;
  throw damaged(container, `qemu-img check finds ${found === undefined ? complaint : `${found} errors`}`);
};

const mapLine = /"offset": (\d+)/;
const mapLength = /"length": (\d+)/;

/**
 * What qemu-img finds behind a file's end it takes for zeros, and not all checks look for it: so we
 * look where its data lies.
 */
const refuseCut = async (
  container: Container,
  options: QemuImgOptions & { readonly sizeBytes: number },
): Promise<void> => {
  let dataEnd = 0;
  const { code, complaint } = await qemuImg(["map", "--output=json", named(container)], {
    ...options,
    onLine: (line) => {
      const [, offset] = mapLine.exec(line) ?? [];
      const [, length] = mapLength.exec(line) ?? [];
      if (offset !== undefined) dataEnd = Math.max(dataEnd, Number(offset) + Number(length));
    },
  });
  if (code !== 0) throw unreadableContainer(container, complaint);
  if (dataEnd <= options.sizeBytes) return;
  throw damaged(
    container,
    `it has ${options.sizeBytes} bytes, and its data goes on to byte ${dataEnd}: it was cut short`,
  );
};

const isInSeveralFiles = (info: Info): boolean => extentsOf(info).some(({ format }) => format !== "");

/** Of a VMDK disk; one that is a single file has an extent without a format. */
const extentsOf = (info: Info) => info["format-specific"]?.data.extents ?? [];

/**
 * qemu-img takes what is missing of an extent for zeros, and would look for a container in one that
 * is not.
 */
const refuseBadExtents = async (container: Container, info: Info, open: Inspecting["open"]): Promise<void> => {
  for (const { filename, format, "virtual-size": diskBytes } of extentsOf(info)) {
    const extent = await open(resolve(dirname(container.file), filename));
    const isFlat = format === "FLAT" || format === "VMFS";
    if (isFlat) await refuseNested(container, extent);
    const neededBytes = isFlat ? diskBytes : await sparseExtentEnd(extent);
    if (extent.sizeBytes >= neededBytes) continue;
    throw damaged(
      container,
      `its extent ${filename} has ${extent.sizeBytes} bytes of ${neededBytes}: it was cut short`,
    );
  }
};

const refuseNested = async ({ file, name }: Container, extent: RawFile): Promise<void> => {
  const signature = await extent.signature();
  if (signature === undefined) return;
  throw unsupported(`“${file}”`, `${name} whose extent ${extent.file} is ${signature.name}`, "Import that file.");
};

const damaged = ({ file, name }: Container, why: string) =>
  unreadable(`“${file}”, ${name}, is damaged: ${why}.`, {
    hint: "Get a whole copy of it: what a repair can't find again it makes up.",
  });

const unreadableContainer = ({ file, name }: Container, why: string) =>
  unreadable(`qemu-img cannot read “${file}”, ${name}: ${why}`, { hint: `Look at it with: qemu-img info ${file}` });
