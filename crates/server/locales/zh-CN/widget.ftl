app-unnamed = 您的应用
close = 您现在可以关闭此页面。

choose-title = 连接设备或应用
choose-lead = 请选择数据的来源。随后您将在那里登录，并决定 { $app } 可以查看哪些内容。
choose-search = 按名称搜索
    .submit = 搜索
    .all = 显示全部
choose-found =
    { $count ->
       *[other] 找到 { $count } 项
    }
choose-nothing = 没有找到“{ $query }”。请检查拼写，或显示全部列表。
choose-connected = 已连接
choose-next = 接下来的步骤
    .login = 您将在服务商自己的页面登录，{ $app } 不会看到您的密码。
    .approve = 您在那里决定 { $app } 可以接收哪些数据。
    .return = 返回后，连接即告完成。
choose-cancel = 取消

notice-connected = { $provider } 已连接。
notice-disconnected = 已断开与 { $provider } 的连接。
notice-still-connected = 无法断开与 { $provider } 的连接，请几分钟后重试。

connected-title = { $provider } 已连接
connected-lead = { $app } 现在可以接收您允许的数据。
connected-left-out = 未共享的数据
    .next = 如果您也想共享这些数据，请重新连接并允许访问。
    .again = 重新连接
connected-proceed = 继续前往 { $app }
    .unnamed = 继续前往您的应用
connected-another = 连接其他来源

disconnect-title = 要断开与 { $provider } 的连接吗？
disconnect-lead = { $app } 将不再从 { $provider } 接收新数据。
    .kept = { $app } 已经收到的数据不会因此被删除。
disconnect-submit = 断开连接
    .label = 断开连接：{ $provider }
disconnect-keep = 保持连接

callback-title = 此页面是登录流程的一部分
callback-lead = 您在提供商处登录后，提供商会打开此页面。
    .next = 目前您无需在此执行任何操作。要连接设备或应用，请从您的应用开始。

failed-cancelled = 您已取消
    .what = 没有建立连接，也没有共享任何数据。
    .next = 您可以随时从应用重新开始。
failed-denied = 未连接 { $provider }
    .what = 您没有在 { $provider } 允许访问，因此没有共享任何数据。
    .next = 如果这不是您的本意，请重试，并在 { $provider } 允许访问。
failed-left-out = 未连接 { $provider }
    .what = 应用需要的数据未在 { $provider } 获得允许，没有建立连接。
    .next = 请重试，并在 { $provider } 允许此列表中的所有项目。
failed-expired = 此页面已过期
    .what = 为了您的安全，此页面的链接只在短时间内有效。
    .next = 请返回应用，从那里重新开始。
failed-already-used = 此链接已被使用
    .what = 每个链接只能使用一次。
    .next = 请返回应用查看您的连接。如果缺少某个连接，请从那里重新开始。
failed-unknown-session = 此链接无法使用
    .what = 链接不完整、有误或已不存在。
    .next = 请重新打开应用，从那里开始。
failed-cap-reached = 目前无法新建连接
    .what = 该应用的已连接用户数已达上限，没有建立连接。
    .next = 请告知该应用的客服团队，稍后再试。
failed-provider-down = { $provider } 没有响应
    .what = { $provider } 未按预期响应，因此连接未能完成。
    .next = 请等待几分钟，然后重试。
failed-wrong-browser = 请始终使用同一个浏览器
    .what = 我们无法确认此次登录是在此浏览器中开始的。
    .next = 请返回应用查看您的连接。如果缺少某个连接，请在允许 Cookie 的同一个浏览器中从那里重新开始。
failed-phone-only = 请在手机上连接 { $provider }
    .what = { $provider } 的数据保存在您的手机上，没有可供登录的网站。
    .next = 请在手机上打开应用，并在那里连接 { $provider }。
failed-no-provider = 暂时没有可连接的来源
    .what = 此链接目前没有可连接的设备或应用。
    .next = 请返回应用，向其客服团队寻求帮助。
failed-internal = 出了点问题
    .what = 问题出在我们这边，与您的操作无关。
    .next = 请几分钟后重试。如果仍然无法解决，请联系该应用的客服团队。
failed-trace = 客服参考编号：
failed-open-app = 打开应用
failed-try-again = 重试
failed-return = 返回 { $app }
    .unnamed = 返回您的应用
