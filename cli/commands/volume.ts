import { type Command, Option } from "commander";
import { lunOf, type ObjectConfig } from "../../core/api/object.ts";
import { currentInventory } from "../control-plane/inventory.ts";
import { size } from "../input/bytes.ts";
import { groupOrLatest, kindOption, latestOfOption, siteOption, storeOption, wholeNumber } from "../input/options.ts";
import { shownObject } from "../json/object.ts";
import { unusableLine } from "../render/object.ts";
import { printable, type Style } from "../render/style.ts";
import { table } from "../render/table.ts";
import { bytesText, instantText } from "../render/units.ts";
import type { Answering } from "./command.ts";
import { deleteVolume, renameVolume } from "./volume-change.ts";
import { exportVolume } from "./volume-export.ts";
import { importVolume } from "./volume-import.ts";

const disksMax = 1000;
const diskOption = () =>
  new Option("--disk <n>", "of a VM, the disk with this number in: smtx-backup object show NAME --site SITE").argParser(
    wholeNumber(0, disksMax),
  );

export const addVolumeCommands = (program: Command, answering: Answering): void => {
  const volume = program.command("volume").description("what the sites have: LUNs and virtual volumes");
  volume
    .command("import")
    .description(
      "bring a disk image into a site's storage on this host, all of it or nothing: raw, or with qemu-img " +
        "qcow2, VMDK, VHD, VHDX, VDI, QED or Parallels",
    )
    .argument("<file>", "the image; - reads a raw one from standard input")
    .addOption(siteOption("the site").makeOptionMandatory())
    .addOption(new Option("--name <name>", "make a volume of this name").conflicts("into"))
    .addOption(kindOption("what to make with --name, lun or volume (else lun); with --object, which kind has the name"))
    .option("--into <volume>", "write it into a volume that is there, by name or id: only what differs is written")
    .addOption(
      new Option("--object <object>", "write it into a volume of this object, a VM's disk or an NFS file").conflicts([
        "name",
        "into",
      ]),
    )
    .addOption(diskOption())
    .addOption(new Option("--resize", "let that volume grow to the image's size").conflicts("name"))
    .addOption(new Option("--size <size>", "how long what comes from standard input is: 10GiB").argParser(size))
    .addOption(new Option("--format <format>", "take it for this, whatever it looks like").choices(["raw"]))
    .addOption(storeOption())
    .action(answering(importVolume));
  volume
    .command("list")
    .description("list a site's LUNs and virtual volumes, as its gateways saw them last")
    .addOption(siteOption("the site").makeOptionMandatory())
    .option("--refresh", "have a gateway look now, and wait for it up to 15 s", false)
    .action(
      answering(async (context, { site, refresh }: { site: string; refresh: boolean }) => {
        const api = await context.connect();
        const inventory = await currentInventory(context, api, site, { refresh });
        const seen = context.style.faint(`seen at ${instantText(inventory.observedAt)}`);
        const { unusable = [] } = inventory;
        const objects = inventory.objects.filter(isVolume);
        const others = inventory.objects.length - objects.length;
        const text = [
          volumeTable(objects, context.style),
          ...unusable.map((one) => unusableLine(one, context.style)),
          ...(others === 0 ? [] : [`VMs and NFS files are among its objects: smtx-backup object list --site ${site}`]),
          seen,
        ];
        return { json: { ...inventory, objects: objects.map(shownObject) }, text: text.join("\n") };
      }),
    );
  volume
    .command("rename")
    .description("give a volume of a site's storage on this host another name; its plans go on")
    .argument("<volume>", "its name or id")
    .argument("<name>", "the new name")
    .addOption(siteOption("the site").makeOptionMandatory())
    .addOption(storeOption())
    .action(answering(renameVolume));
  volume
    .command("delete")
    .description(
      "delete a volume of a site's storage on this host; its restore points stay. It asks first, and ends with 1 when the answer is not yes",
    )
    .argument("<volume>", "its name or id")
    .addOption(siteOption("the site").makeOptionMandatory())
    .option("--yes", "don't ask", false)
    .addOption(storeOption())
    .action(answering(deleteVolume));
  volume
    .command("export")
    .description("write a volume, or a snapshot, of a site's storage on this host to a file")
    .argument("[volume]", "the volume's name or id")
    .addOption(
      new Option("--group <group>", "the volume as it was in this snapshot group; latest, with --plan").argParser(
        groupOrLatest,
      ),
    )
    .addOption(latestOfOption())
    .addOption(new Option("--snapshot <id>", "a snapshot instead of a volume").conflicts("group"))
    .addOption(new Option("--object <object>", "a volume of this object, a VM's disk or an NFS file"))
    .addOption(diskOption())
    .addOption(kindOption("of --object, where objects of several kinds have the name"))
    .addOption(siteOption("the site").makeOptionMandatory())
    .requiredOption("-o, --output <file>", "the file; - writes a raw image to standard output")
    .option("--force", "replace the file if it is there, once the export is complete", false)
    .addOption(
      new Option("--format <format>", "of the file; else by its name, .qcow2 or raw").choices(["raw", "qcow2"]),
    )
    .addOption(storeOption())
    .action(answering(exportVolume));
};

const isVolume = ({ kind }: ObjectConfig): boolean => kind === "lun" || kind === "volume";

const originText = ({ origin }: ObjectConfig): string =>
  origin === undefined ? "–" : `${origin.role === "mirror" ? "mirror" : "rebuilt"} from ${origin.siteId}`;

const lunText = (object: ObjectConfig): string => {
  const lun = lunOf(object);
  return lun === undefined ? "–" : `${printable(lun.target)}:${lun.lunId}`;
};

const volumeTable = (objects: readonly ObjectConfig[], style: Style): string =>
  table(
    objects,
    [
      { title: "NAME", value: ({ name }) => name, paint: style.strong },
      { title: "KIND", value: ({ kind }) => kind },
      {
        title: "SIZE",
        value: ({ volumes }) => bytesText(volumes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)),
        align: "right",
      },
      { title: "LUN", value: lunText },
      { title: "ORIGIN", value: originText },
      { title: "ID", value: ({ id }) => id, paint: style.faint },
    ],
    { style, none: "The site has no volumes. Bring one in with: smtx-backup volume import FILE --site … --name …" },
  );
