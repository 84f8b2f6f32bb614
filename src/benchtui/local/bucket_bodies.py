"""What setup's requests about the bucket carry, for the bucket that every local cloud has."""

from __future__ import annotations

from benchtui.core.policies.scope import SETUP_TAG

_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
TAGS = f"""<Tagging {_NAMESPACE}><TagSet>
<Tag><Key>{SETUP_TAG[0]}</Key><Value>{SETUP_TAG[1]}</Value></Tag>
</TagSet></Tagging>""".encode()
BLOCK_ALL = f"""<PublicAccessBlockConfiguration {_NAMESPACE}>
<BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>
<BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>
</PublicAccessBlockConfiguration>""".encode()
OWNED = f"""<OwnershipControls {_NAMESPACE}>
<Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>
</OwnershipControls>""".encode()
ENCRYPTED = f"""<ServerSideEncryptionConfiguration {_NAMESPACE}><Rule>
<ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault>
</Rule></ServerSideEncryptionConfiguration>""".encode()
TIDY = f"""<LifecycleConfiguration {_NAMESPACE}><Rule><ID>benchtui-abort-uploads</ID><Status>Enabled</Status>
<Filter><Prefix></Prefix></Filter>
<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>
</Rule></LifecycleConfiguration>""".encode()
