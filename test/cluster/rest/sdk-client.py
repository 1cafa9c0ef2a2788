"""Uses a CloudTower as the vendor's SDK does, which checks what it is answered.

usage: sdk-client.py URL USER PASSWORD CLUSTER_ID; prints what it found as JSON.
"""

import json
import sys

import cloudtower
from cloudtower.api import (
    consistency_group_api,
    consistency_group_snapshot_api,
    iscsi_lun_api,
    iscsi_lun_snapshot_api,
    iscsi_target_api,
    label_api,
    nfs_export_api,
    task_api,
    user_api,
    vm_api,
    vm_snapshot_api,
    vm_volume_api,
    vm_volume_snapshot_api,
)
from cloudtower.utils import wait_tasks

url, user, password, cluster_id = sys.argv[1:]
client = cloudtower.ApiClient(cloudtower.Configuration(host=url + "/v2/api"))
token = user_api.UserApi(client).login({"username": user, "password": password, "source": "LOCAL"}).data.token
client.set_default_header("Authorization", token)


def done(results):
    wait_tasks([result.task_id for result in results], client, interval=0.02)
    return results[0].data


targets = iscsi_target_api.IscsiTargetApi(client)
luns = iscsi_lun_api.IscsiLunApi(client)
snapshots = iscsi_lun_snapshot_api.IscsiLunSnapshotApi(client)
groups = consistency_group_api.ConsistencyGroupApi(client)
group_snapshots = consistency_group_snapshot_api.ConsistencyGroupSnapshotApi(client)
volumes = vm_volume_api.VmVolumeApi(client)
volume_snapshots = vm_volume_snapshot_api.VmVolumeSnapshotApi(client)
vms = vm_api.VmApi(client)
vm_snapshots = vm_snapshot_api.VmSnapshotApi(client)
labels = label_api.LabelApi(client)

target = done(
    targets.create_iscsi_target(
        [
            {
                "name": "sdk",
                "cluster_id": cluster_id,
                "replica_num": 2,
                "thin_provision": True,
                "stripe_num": 4,
                "stripe_size": 64,
                "stripe_size_unit": "KB",
            }
        ]
    )
)
lun = done(
    luns.create_iscsi_lun(
        [{"name": "lun", "iscsi_target_id": target.id, "replica_num": 2, "assigned_size": 1048576, "lun_id": 300}]
    )
)
done(luns.update_iscsi_lun({"where": {"id": lun.id}, "data": {"assigned_size": 2097152}}))
group = done(
    groups.create_consistency_group(
        [{"name": "group", "cluster_id": cluster_id, "iscsi_luns_ids": [lun.id], "namespaces_ids": []}]
    )
)
taken = done(
    group_snapshots.create_consistency_group_snapshot([{"name": "taken", "consistency_group_id": group.id}])
)
done(groups.delete_consistency_group({"where": {"id": group.id}, "data": {"remain_volume_snapshot": True}}))
[kept] = snapshots.get_iscsi_lun_snapshots({"where": {"iscsi_lun": {"id": lun.id}}})
clone = done(
    luns.clone_iscsi_lun_from_snapshot([{"name": "clone", "snapshot_id": kept.id, "iscsi_target_id": target.id}])
)
label = done(labels.create_label([{"key": "made", "value": "by the SDK"}]))
done(labels.add_labels_to_resources({"where": {"id": label.id}, "data": {"iscsi_luns": {"id": clone.id}}}))

volume = done(
    volumes.create_vm_volume(
        [
            {
                "name": "volume",
                "cluster_id": cluster_id,
                "size": 1048576,
                "sharing": False,
                "elf_storage_policy": "REPLICA_2_THIN_PROVISION",
            }
        ]
    )
)
volume_snapshot = done(
    volume_snapshots.create_vm_volume_snapshot([{"name": "s", "volume_id": volume.id, "description": ""}])
)
vm = done(
    vms.create_vm(
        [
            {
                "name": "vm",
                "cluster_id": cluster_id,
                "cpu_cores": 2,
                "cpu_sockets": 1,
                "memory": 1073741824,
                "firmware": "UEFI",
                "ha": True,
                "status": "RUNNING",
                "vm_nics": [{"mac_address": "52:54:00:00:00:01"}],
                "vm_disks": {
                    "mount_disks": [{"vm_volume_id": volume.id, "bus": "VIRTIO", "boot": 1}],
                    "mount_new_create_disks": [
                        {"vm_volume": {"name": "new", "size": 1048576}, "bus": "SCSI", "boot": 2}
                    ],
                },
            }
        ]
    )
)
vm_snapshot = done(vm_snapshots.create_vm_snapshot({"data": [{"name": "frozen", "vm_id": vm.id}]}))
done(vms.poweroff_vm({"where": {"id": vm.id}}))
done(vms.rollback_vm({"where": {"id": vm.id}, "data": {"snapshot_id": vm_snapshot.id}}))
done(nfs_export_api.NfsExportApi(client).create_nfs_export(
    [{"name": "export", "cluster_id": cluster_id, "replica_num": 2, "thin_provision": True}]
))

[frozen] = vm_snapshots.get_vm_snapshots({"where": {"vm": {"id": vm.id}}})
named = [disk.snapshot_local_id for disk in frozen.vm_disks]
print(
    json.dumps(
        {
            "luns": sorted(
                [one.name, one.lun_id, one.assigned_size, one.stripe_num, [made.key for made in one.labels or []]]
                for one in luns.get_iscsi_luns({"where": {"iscsi_target": {"id": target.id}}})
            ),
            "keptSnapshots": len(snapshots.get_iscsi_lun_snapshots({"where": {"id": kept.id}})),
            "groups": len(groups.get_consistency_groups({})),
            "diskSnapshots": len(snapshots.get_iscsi_lun_snapshots({"where": {"name_in": named}})),
            "vm": [[one.name, one.status, one.vcpu, one.firmware] for one in vms.get_vms({"where": {"id": vm.id}})],
            "tasks": sorted({str(one.status) for one in task_api.TaskApi(client).get_tasks({"first": 100})}),
            "taken": taken.name,
            "volumeSnapshot": volume_snapshot.name,
        }
    )
)
