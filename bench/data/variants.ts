import { changedRuns } from "./changes.ts";
import { contentAt } from "./content.ts";
import { databasePageBytes, editedPages } from "./edits.ts";
import { type ImageFile, withImageFile } from "./image-file.ts";
import { createRandom } from "./random.ts";
import { allocatedRegions, quarterOfExtents, type Region, regionsInside, totalBytes } from "./regions.ts";
import { shiftOf } from "./shifts.ts";

/** What the volume is after the change that a case is about. */
export const variantNames = ["1 %", "5 %", "pages", "shifted"] as const;
export type VariantName = (typeof variantNames)[number];

/** A volume as this benchmark makes it: the same for the same fields. */
export interface VolumeSpec {
  readonly seed: string;
  readonly sizeBytes: number;
  readonly extentBytes: number;
  /** Of the size, in (0, 1). */
  readonly allocatedShare: number;
}

const pieceBytes = 8 * 1024 * 1024;
const pagesShare = 0.03;

/** The ranges of the base image that are written; all else is holes. */
export const baseRegions = ({ seed, sizeBytes, allocatedShare }: VolumeSpec): readonly Region[] =>
  allocatedRegions(sizeBytes, allocatedShare, createRandom(seed, `regions ${sizeBytes}`));

/** Writes the base image to a new file. */
export const writeBase = (file: string, spec: VolumeSpec): void =>
  withImageFile(file, (image) => writeContent(image, spec, "base", baseRegions(spec)), spec.sizeBytes);

const writeContent = (image: ImageFile, { seed }: VolumeSpec, name: string, regions: readonly Region[]): void => {
  for (const { offset, length } of regions) {
    for (let at = 0; at < length; at += pieceBytes) {
      image.write(offset + at, contentAt({ seed, name }, offset + at, Math.min(pieceBytes, length - at)));
    }
  }
};

/** Changes a copy of the base image into the variant. */
export const applyVariant = (file: string, spec: VolumeSpec, variant: VariantName): void => {
  const random = createRandom(spec.seed, `variant ${variant}`);
  const { sizeBytes, extentBytes } = spec;
  const regions = baseRegions(spec);
  const extents = quarterOfExtents(sizeBytes / extentBytes, random);
  const inside = regionsInside(regions, extents, extentBytes);
  const changed = (share: number) => (image: ImageFile) =>
    writeContent(image, spec, variant, changedRuns(inside, share * sizeBytes, random));
  const changes: Record<VariantName, (image: ImageFile) => void> = {
    "1 %": changed(0.01),
    "5 %": changed(0.05),
    pages: (image) => {
      const count = Math.ceil((pagesShare * totalBytes(regions)) / databasePageBytes);
      for (const { offset, edits } of editedPages(inside, count, random)) {
        for (const edit of edits) image.write(offset + edit.offset, edit.data);
      }
    },
    shifted: (image) => {
      for (const extent of extents) moveData(image, shiftOf(extent, extentBytes, inside, random));
    },
  };
  withImageFile(file, changes[variant]);
};

const moveData = (image: ImageFile, { moved, inserted, swaps }: ReturnType<typeof shiftOf>): void => {
  const old = image.read(moved.offset, moved.length);
  image.writeChanged(moved.offset, Buffer.concat([inserted, old], moved.length));
  for (const { a, b, length } of swaps) {
    const [atA, atB] = [image.read(a, length), image.read(b, length)];
    image.writeChanged(a, atB);
    image.writeChanged(b, atA);
  }
};
