app-unnamed = アプリ
close = このページを閉じてかまいません。

choose-title = デバイスやアプリを連携
choose-lead = データの提供元を選んでください。続いて提供元にログインし、{ $app } に見せる内容を決めます。
choose-search = 名前で検索
    .submit = 検索
    .all = すべて表示
choose-found =
    { $count ->
       *[other] { $count } 件見つかりました
    }
choose-nothing = 「{ $query }」は見つかりませんでした。つづりを確認するか、すべて表示してください。
choose-connected = 連携済み
choose-next = このあとの流れ
    .login = 提供元のページでログインします。{ $app } にパスワードが知られることはありません。
    .approve = 提供元のページで、{ $app } が受け取れるデータを決めます。
    .return = 戻ってくると、連携は完了です。
choose-cancel = キャンセル

notice-connected = { $provider } と連携しました。
notice-disconnected = { $provider } との連携を解除しました。
notice-still-connected = { $provider } との連携を解除できませんでした。数分後にもう一度お試しください。

connected-title = { $provider } と連携しました
connected-lead = 許可したデータを { $app } が受け取れるようになりました。
connected-left-out = 共有しないデータ
    .next = これらも共有する場合は、もう一度連携して許可してください。
    .again = もう一度連携する
connected-proceed = { $app } に進む
    .unnamed = アプリに進む
connected-another = 他にも連携する

disconnect-title = { $provider } との連携を解除しますか？
disconnect-lead = { $app } は { $provider } から新しいデータを受け取らなくなります。
    .kept = { $app } がすでに受け取ったデータは、この操作では削除されません。
disconnect-submit = 連携を解除
    .label = { $provider } との連携を解除
disconnect-keep = 連携を続ける

callback-title = このページはログインの一部です
callback-lead = プロバイダーでログインした後に、このページが開きます。
    .next = 今ここで行う操作はありません。デバイスやアプリを接続するには、ご利用のアプリから始めてください。

failed-cancelled = キャンセルしました
    .what = 連携は行われず、データも共有されていません。
    .next = いつでもアプリからやり直せます。
failed-denied = { $provider } と連携していません
    .what = { $provider } でアクセスが許可されなかったため、データは共有されていません。
    .next = 連携したい場合は、もう一度試して { $provider } でアクセスを許可してください。
failed-left-out = { $provider } と連携していません
    .what = アプリに必要なデータへのアクセスが { $provider } で許可されませんでした。連携は行われていません。
    .next = もう一度試して、このリストの項目をすべて { $provider } で許可してください。
failed-expired = このページは有効期限が切れました
    .what = 安全のため、このページへのリンクは短い時間だけ有効です。
    .next = アプリに戻って、もう一度始めてください。
failed-already-used = このリンクは使用済みです
    .what = リンクは一度だけ有効です。
    .next = アプリに戻って連携を確認してください。足りない連携があれば、アプリからやり直してください。
failed-unknown-session = このリンクは使えません
    .what = リンクが途中で切れているか、間違っているか、すでに存在しません。
    .next = アプリを開き直して、もう一度始めてください。
failed-cap-reached = 現在、新しい連携はできません
    .what = アプリで連携できるユーザー数が上限に達しました。連携は行われていません。
    .next = アプリのサポートに知らせて、しばらくしてからお試しください。
failed-provider-down = { $provider } から応答がありません
    .what = { $provider } から正しい応答がなかったため、連携を完了できませんでした。
    .next = 数分待ってから、もう一度お試しください。
failed-wrong-browser = 最後まで同じブラウザーをお使いください
    .what = このログインがこのブラウザーで始まったことを確認できませんでした。
    .next = アプリに戻って連携を確認してください。足りない連携があれば、Cookie を許可した一つのブラウザーで、アプリからやり直してください。
failed-phone-only = { $provider } はスマートフォンで連携します
    .what = { $provider } のデータはスマートフォンに保存されていて、ログインできるウェブサイトはありません。
    .next = スマートフォンでアプリを開き、そこで { $provider } と連携してください。
failed-no-provider = 連携できるものがまだありません
    .what = 現在、このリンクで連携できるデバイスやアプリはありません。
    .next = アプリに戻って、サポートにお問い合わせください。
failed-internal = 問題が発生しました
    .what = 原因はこちら側にあり、お客様の操作ではありません。
    .next = 数分後にもう一度お試しください。解決しない場合は、アプリのサポートにお問い合わせください。
failed-trace = お問い合わせ番号:
failed-open-app = アプリを開く
failed-try-again = もう一度試す
failed-return = { $app } に戻る
    .unnamed = アプリに戻る
