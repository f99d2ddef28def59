"""Kubernetes: the pod, as its manifest passes it on by the downward API, under the names of the documentation."""

from typing import Final

from wabucketref.ci.declared import Declared

CONTEXT: Final = Declared(
    name="kubernetes",
    doc="https://kubernetes.io/docs/concepts/workloads/pods/downward-api/",
    present=("KUBERNETES_SERVICE_HOST",),
    values={
        "cicd.pipeline.task.run.id": ("MY_POD_NAME", "POD_NAME", "K8S_POD_NAME"),
        "cicd.pipeline.task.name": ("MY_JOB_NAME", "K8S_JOB_NAME"),
        "k8s.pod.name": ("MY_POD_NAME", "POD_NAME", "K8S_POD_NAME"),
        "k8s.pod.uid": ("MY_POD_UID", "POD_UID", "K8S_POD_UID"),
        "k8s.namespace.name": ("MY_POD_NAMESPACE", "POD_NAMESPACE", "K8S_NAMESPACE_NAME"),
        "k8s.node.name": ("MY_NODE_NAME", "NODE_NAME", "K8S_NODE_NAME"),
        "k8s.job.name": ("MY_JOB_NAME", "K8S_JOB_NAME"),
        "k8s.container.name": ("MY_CONTAINER_NAME", "K8S_CONTAINER_NAME"),
        "k8s.cluster.name": "K8S_CLUSTER_NAME",
    },
)
