import type { PlanEntry } from "../../core/api/plan.ts";
import type { ModelObject } from "./model-objects.ts";
import type { World } from "./world.ts";

/** A plan of all four kinds: named ones, a disk of a VM by itself among them, and two rules. */
export const clusterEntries: readonly PlanEntry[] = [
  { kind: "vm", id: "vm-db", name: "db" },
  { kind: "volume", id: "db-1", name: "db-1" },
  { kind: "lun", id: "lun-7", name: "lun-7" },
  { kind: "nfs-file", directory: "/exports/e1" },
  { kind: "vm", match: "web-*" },
];

/**
 * The switch `prod` has another one's place at each target, and nothing takes the place of `test`.
 */
export const clusterSwitches = { prod: "dr-prod" };

const fileOf = (name: string): ModelObject => ({
  ...{ kind: "nfs-file", id: `file-${name}`, name: `/exports/e1/vm/${name}` },
  volumes: [`file-${name}`],
});
const vmOf = (name: string, volumes: readonly string[]): ModelObject => ({
  ...{ kind: "vm", id: `vm-${name}`, name, volumes },
  switches: name.startsWith("web") ? ["prod", "test"] : ["prod"],
});
const volumeOf = (id: string): ModelObject => ({ kind: "volume", id, name: id, volumes: [id] });
const lun7: ModelObject = { kind: "lun", id: "lun-7", name: "lun-7", volumes: ["lun-7"] };

/** What people do to the objects of a site, and what there is at the beginning. */
export class ClusterLife {
  readonly #world: World;
  #made = 0;
  /** How often each thing was done. */
  readonly did = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
    const all = [
      vmOf("db", ["db-0", "db-1"]),
      volumeOf("db-1"),
      lun7,
      fileOf("a"),
      fileOf("b"),
      vmOf("web-1", ["w-1"]),
    ];
    for (const object of all) this.#add(object);
  }

  /** One of them. */
  live(): void {
    const acts = [this.#lun, this.#disk, this.#file, this.#web, this.#rename, this.#move];
    const act = acts[this.#world.chance.below(acts.length)];
    act?.call(this);
  }

  get #site() {
    return this.#world.site("a");
  }

  #note(what: string): void {
    this.did.set(what, (this.did.get(what) ?? 0) + 1);
  }

  #add(object: ModelObject): void {
    this.#site.objects.set(object.id, object);
    for (const id of object.volumes) {
      if (!this.#site.volumes.has(id)) this.#site.volumes.set(id, this.#world.chance.below(1_000_000));
    }
  }

  #remove({ id }: ModelObject): void {
    this.#site.objects.delete(id);
    this.#dropLoose();
  }

  /** What no object has is deleted. */
  #dropLoose(): void {
    const held = new Set([...this.#site.objects.values()].flatMap(({ volumes }) => volumes));
    for (const id of [...this.#site.volumes.keys()]) if (!held.has(id)) this.#site.volumes.delete(id);
  }

  #change(object: ModelObject, changes: Partial<ModelObject>): void {
    this.#add({ ...object, ...changes });
    this.#dropLoose();
  }

  #newId(what: string): string {
    this.#made += 1;
    return `${what}-${this.#made.toString().padStart(3, "0")}`;
  }

  #some(kind: ModelObject["kind"]): ModelObject | undefined {
    const some = [...this.#site.objects.values()].filter((object) => object.kind === kind);
    return some[this.#world.chance.below(some.length)];
  }

  /** A named object vanishes, or comes back. */
  #lun(): void {
    this.#note("named object gone or back");
    if (this.#site.objects.has(lun7.id)) this.#remove(lun7);
    else this.#add(lun7);
  }

  /**
   * A disk is added to a VM, or the last of several is taken away, but for the one that is
   * protected by itself.
   */
  #disk(): void {
    const vm = this.#some("vm");
    if (vm === undefined) return;
    const last = vm.volumes.at(-1);
    this.#note("disk added or removed");
    const isFewer = vm.volumes.length > 2 && last !== "db-1";
    this.#change(vm, { volumes: isFewer ? vm.volumes.slice(0, -1) : [...vm.volumes, this.#newId("disk")] });
  }

  #file(): void {
    this.#note("file came or went");
    const file = this.#some("nfs-file");
    if (file !== undefined && this.#world.chance.happens(0.5)) this.#remove(file);
    else this.#add(fileOf(this.#newId("f")));
  }

  #web(): void {
    this.#note("VM came or went");
    const vm = this.#some("vm");
    if (vm?.name.startsWith("web-") && this.#world.chance.happens(0.5)) this.#remove(vm);
    else this.#add(vmOf(this.#newId("web"), [this.#newId("disk"), this.#newId("disk")]));
  }

  /** A rule's objects are in the order of their names: it has another place in the run. */
  #rename(): void {
    const vm = this.#some("vm");
    if (vm === undefined || !vm.name.startsWith("web-")) return;
    this.#note("VM renamed");
    this.#change(vm, { name: `web-${this.#world.chance.below(1000)}` });
  }

  /** A disk is taken out of one VM, and put into another. */
  #move(): void {
    const [from, to] = [this.#some("vm"), this.#some("vm")];
    const disk = from?.volumes.at(-1);
    if (from === undefined || to === undefined || from.id === to.id || from.volumes.length < 2) return;
    if (disk === undefined || to.volumes.includes(disk)) return;
    this.#note("disk moved");
    this.#add({ ...to, volumes: [...to.volumes, disk] });
    this.#change(from, { volumes: from.volumes.slice(0, -1) });
  }
}
