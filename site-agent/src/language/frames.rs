//! What each kind of ledger record is, in both languages, for people who know nothing of the protocol. Used
//! by the officer's report. PRIVACY.md says the same at length.

use common::ledger::Kind;

use super::Text as Word;

/// A few words on a kind.
#[must_use]
pub const fn meaning(kind: Kind) -> Word {
    let (en, zh) = match kind {
        Kind::Join => ("request to become a member", "加入联盟的请求"),
        Kind::Hello => ("greeting; size and root of this ledger", "问候；本台账的大小与根"),
        Kind::Poll => ("\"is there work?\"", "“有任务吗？”"),
        Kind::Fetch => ("request for a file of the run", "请求运行的文件"),
        Kind::Ready => ("takes part; rounded number of records", "参加；取整的记录数"),
        Kind::Progress => ("how far training is", "训练进度"),
        Kind::Offer => ("hash, size and rounded counts of the update", "更新的哈希、大小与取整计数"),
        Kind::Chunk => ("bytes of the update", "更新的字节"),
        Kind::Commit => ("end of the update", "更新结束"),
        Kind::Failed => ("one of nine codes", "九个代码之一"),
        Kind::OverlapDeclare => ("how many blinded points follow", "随后盲化点的数量"),
        Kind::OverlapBlinded => ("blinded points, no text", "盲化点，不含文字"),
        Kind::LedgerProof => ("hashes over this ledger", "关于本台账的哈希"),
        Kind::Receipt => ("the coordinator's own receipt, shown", "出示协调方自己的回执"),
        Kind::Condition => ("version, clock, disk nearly full or not", "版本、时钟、磁盘是否将满"),
        Kind::Decide => ("what was decided about the run, a code", "对运行的决定（代码）"),
        Kind::Renew => ("request for the next certificate", "申请下一份证书"),
        Kind::Leave => ("end of membership: the last frame", "结束成员身份：最后一帧"),
        Kind::Revocations => ("question for a newer revocation list", "询问是否有新的吊销列表"),
        Kind::OwnScores => {
            ("scores on records held back here, or a code", "自有留出记录上的得分，或一个代码")
        }
        Kind::Data => ("note: which records are used", "记载：使用哪些记录"),
        Kind::Approval => ("note: the run was approved", "记载：同意运行"),
        Kind::Refusal => ("note: the run was declined", "记载：拒绝运行"),
        Kind::Withdrawal => ("note: this site withdrew", "记载：本站点退出"),
        Kind::Policy => ("note: the policy in force", "记载：生效的策略"),
        Kind::Waiver => ("note: the waiver in force", "记载：生效的豁免"),
        Kind::Authority => ("note: the consortium's later authority", "记载：联盟的后继证书机构"),
    };
    Word { en, zh }
}

/// The kind that a report names.
#[must_use]
pub fn named(word: &str) -> Option<Kind> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_its_word() {
        for kind in [Kind::Chunk, Kind::OverlapBlinded, Kind::LedgerProof, Kind::Waiver] {
            assert_eq!(named(kind.word()), Some(kind));
        }
        assert_eq!(named("<chunk>"), None);
    }
}
