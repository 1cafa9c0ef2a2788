import { VisibleError } from "../../core/api/errors.ts";
import type { GroupId } from "../../core/api/ids.ts";
import type { ObjectKind } from "../../core/api/object/common.ts";
import type { StorageDriver } from "../../gateway/storage/driver.ts";
import type { ExportResult } from "../../gateway/storage/image/export.ts";
import type { Answer, Context } from "../context/context.ts";
import { imageMeter } from "../context/image-progress.ts";
import { groupMeant } from "../control-plane/latest-group.ts";
import { volumeOf } from "../find/find-disk.ts";
import { findObject } from "../find/find-object.ts";
import { findObjectSnapshot, findSnapshot } from "../find/find-snapshot.ts";
import { findVolume } from "../find/find-volume.ts";
import { outputFailed } from "../host/output.ts";
import { bytesText, durationText } from "../render/units.ts";

type Format = "raw" | "qcow2";

interface ExportOptions {
  readonly site: string;
  readonly snapshot?: string;
  /**
   * A volume of this object: with `disk` of a VM, with `kind` where objects of several
   * kinds have the name.
   */
  readonly object?: string;
  readonly disk?: number;
  readonly kind?: ObjectKind;
  /**
   * The volume's snapshot in this group, or in the latest of a plan, instead of the
   * volume as it is now.
   */
  readonly group?: string;
  readonly plan?: string;
  readonly output: string;
  readonly force?: boolean;
  /** Else what the file's name says. */
  readonly format?: Format;
  readonly store?: string;
}

/** `volume export`: a volume or a snapshot to a file, with the checksum of its bytes. */
export const exportVolume = async (
  context: Context,
  volume: string | undefined,
  options: ExportOptions,
): Promise<Answer> => {
  const { host } = context;
  requireOne(volume, options);
  const isForStderr = options.output === standardOutput;
  const format = options.format ?? (/\.qcow2$/i.test(options.output) ? "qcow2" : "raw");
  if (isForStderr) requirePipe(context, format);
  const groupId = await groupOf(context, options);
  const storage = await context.openStorage(options.site, options.store);
  const beganAtMs = host.time.nowMs();
  const result = await written(context, storage, volume, { ...options, format, groupId }).finally(() =>
    storage.close(),
  );
  const seconds = (host.time.nowMs() - beganAtMs) / 1000;
  const text =
    `Wrote ${isForStderr ? "to standard output" : options.output}: ${bytesText(result.sizeBytes)} of ${whatText(volume, options)} ` +
    `as ${format}, in ${durationText(seconds)}.\nsha256 of its bytes: ${result.sha256}`;
  return { json: { ...result, file: options.output, format, seconds }, text, isForStderr };
};

const standardOutput = "-";

const requirePipe = ({ host }: Context, format: Format): void => {
  if (format !== "raw") {
    throw new VisibleError("BAD_REQUEST", `Standard output takes a raw image, and no ${format}.`, {
      hint: "Write it to a file. A file of this name is ./-",
    });
  }
  if (!host.stdout.isTerminal) return;
  throw new VisibleError("BAD_REQUEST", "Standard output is a terminal, and an image is to go there.", {
    hint: "Pipe it somewhere, or name a file.",
  });
};

const requireOne = (volume: string | undefined, { snapshot, object }: ExportOptions): void => {
  if ([volume, snapshot, object].filter((one) => one !== undefined).length === 1) return;
  throw new VisibleError("BAD_REQUEST", "It takes one of a volume, an object and a snapshot to export.", {
    hint: "Name the volume, or give --object NAME (of a VM with --disk N), or --snapshot ID.",
  });
};

const whatText = (volume: string | undefined, { snapshot, object, disk }: ExportOptions): string =>
  object === undefined ? (volume ?? snapshot ?? "") : `${object}${disk === undefined ? "" : `, disk ${disk}`}`;

const sourceOf = async (
  storage: StorageDriver,
  volume: string | undefined,
  { site, snapshot, groupId, object, disk, kind }: ExportOptions & MeantGroup,
): Promise<{ volumeId: string } | { snapshotId: string }> => {
  if (object !== undefined) {
    const wanted = { site, nameOrId: object, kind };
    if (groupId === undefined) return { volumeId: volumeOf(findObject(await storage.inventory(), wanted), disk) };
    return { snapshotId: await findObjectSnapshot(storage, { ...wanted, disk, groupId }) };
  }
  if (volume === undefined) return { snapshotId: snapshot ?? "" };
  if (groupId === undefined) return { volumeId: (await findVolume(storage, site, volume)).volumeId };
  return { snapshotId: await findSnapshot(storage, { site, groupId, nameOrId: volume }) };
};

interface MeantGroup {
  readonly groupId: GroupId | undefined;
}

/** The API is asked only where it is the latest. */
const groupOf = async (context: Context, options: ExportOptions): Promise<GroupId | undefined> => {
  const { group, plan } = options;
  if (group !== undefined) return groupMeant(() => context.connect(), group, options);
  if (plan === undefined) return undefined;
  throw new VisibleError("BAD_REQUEST", "--plan says of which plan the latest group is.", {
    hint: "Give --group latest with it, or leave it out.",
  });
};

const written = async (
  context: Context,
  storage: StorageDriver,
  volume: string | undefined,
  options: ExportOptions & MeantGroup & { readonly format: Format },
): Promise<ExportResult> => {
  const { exportImage, streamImage } = await import("../../gateway/storage/image/export.ts");
  const { output, format, force = false } = options;
  const { signal } = context.host;
  const from = { storage, signal, ...(await sourceOf(storage, volume, options)) };
  const isStream = output === standardOutput;
  try {
    if (isStream) return await streamImage({ ...from, write: (bytes) => toOutput(context, bytes) });
    const { onProgress, end } = imageMeter(context, "exporting");
    return await exportImage({ ...from, file: output, format, force, onProgress }).finally(end);
  } catch (error) {
    if (signal.aborted) context.warn(leftText({ output, isStream, force }));
    throw error;
  }
};

/** What an export that was interrupted leaves behind. */
const leftText = ({ output, isStream, force }: { output: string; isStream: boolean; force: boolean }): string => {
  if (isStream) return "Not all of the image was written.";
  return `Nothing was written: ${output} ${force ? "is as it was" : "was not made"}.`;
};

const toOutput = async ({ host }: Context, bytes: Uint8Array): Promise<void> => {
  try {
    await host.writeOutput(bytes);
  } catch (error) {
    throw outputFailed(error, "Not all of the image was written.");
  }
};
