"""Argo Workflows. A container is told its node; a template passes the rest on as variables, as the page on CI shows.

``ARGO_TEMPLATE`` holds the whole template, values of secrets perhaps: that it is set is all that is looked at.
"""

from typing import Final

from wabucketref.ci.declared import Declared

CONTEXT: Final = Declared(
    name="argo",
    doc="https://argo-workflows.readthedocs.io/en/latest/variables/",
    present=("ARGO_NODE_ID", "ARGO_WORKFLOW_NAME", "ARGO_TEMPLATE"),
    values={
        "cicd.pipeline.name": ("ARGO_WORKFLOW_TEMPLATE", "ARGO_WORKFLOW_NAME"),
        "cicd.pipeline.run.id": ("ARGO_WORKFLOW_UID", "ARGO_WORKFLOW_NAME"),
        "cicd.pipeline.task.name": ("ARGO_TASK_NAME", "ARGO_CONTAINER_NAME"),
        "cicd.pipeline.task.run.id": ("ARGO_NODE_ID", "ARGO_POD_NAME"),
        "cicd.pipeline.run.attempt": "ARGO_RETRIES",
        "cicd.pipeline.actor": "ARGO_WORKFLOW_OWNER",
        "k8s.pod.name": "ARGO_POD_NAME",
        "k8s.namespace.name": "ARGO_WORKFLOW_NAMESPACE",
    },
    run_label="workflow",
)
