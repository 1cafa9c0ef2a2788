import type { ObjectKind } from "../api/object/common.ts";
import type { VmNic } from "../api/object/vm.ts";
import { type ObjectConfig, switchesOf } from "../api/object.ts";
import { rebuiltNames } from "../object/rebuilt-name.ts";
import type { RebuildChoice } from "./choice.ts";
import { nameOfRebuilt } from "./new-name.ts";

/** A name that something gets, and whether a person wished for it. */
export interface RebuiltName {
  readonly kind: ObjectKind;
  readonly name: string;
  readonly isWished: boolean;
}

/** A NIC, and what the VM is called that has it. */
export interface RebuiltNic extends Pick<VmNic, "macAddress" | "virtualSwitch"> {
  readonly vm: string;
}

/** What a rebuild would make, as far as it may be in something's way. */
export interface Survey {
  readonly names: readonly RebuiltName[];
  /** What some of the rebuild's own objects are called, by their index. */
  readonly wished: readonly { readonly index: number; readonly name: string }[];
  readonly nics: readonly RebuiltNic[];
  /** The switches that the originals were connected to. */
  readonly switches: ReadonlySet<string>;
  readonly sizeBytes: number;
}

/**
 * Looks through what a group has of the objects that are rebuilt.
 * @param configs of all of the group's, in its order
 * @throws VisibleError BAD_REQUEST (a name that can't be)
 */
export const surveyRebuild = async (
  configs: AsyncIterable<ObjectConfig> | Iterable<ObjectConfig>,
  { indices, names: wishedNames }: RebuildChoice,
  prefix: string,
): Promise<Survey> => {
  const survey = { names: [] as RebuiltName[], wished: [] as Survey["wished"][number][], nics: [] as RebuiltNic[] };
  const [switches, sizes] = [new Set<string>(), new Map<string, number>()];
  const chosen = indices && new Set(indices);
  let [index, own] = [-1, -1];
  for await (const config of configs) {
    index += 1;
    if (chosen?.has(index) === false) continue;
    own += 1;
    const wished = wishedNames.get(index);
    const name = nameOfRebuilt(config, wished, prefix);
    if (wished !== undefined) survey.wished.push({ index: own, name });
    survey.names.push(...namesOf(config, name, wished !== undefined));
    if (config.kind === "vm") survey.nics.push(...config.vm.nics.map((nic) => ({ ...nic, vm: name })));
    for (const virtualSwitch of switchesOf(config)) switches.add(virtualSwitch);
    for (const { id, sizeBytes } of config.volumes) sizes.set(id, sizeBytes);
  }
  return { ...survey, switches, sizeBytes: [...sizes.values()].reduce((sum, size) => sum + size, 0) };
};

const namesOf = (config: ObjectConfig, name: string, isWished: boolean): readonly RebuiltName[] => {
  const [, ...disks] = rebuiltNames(config, name);
  return [
    { kind: config.kind, name, isWished },
    ...disks.map((disk) => ({ kind: "volume", name: disk, isWished: false }) as const),
  ];
};
